"""How an amount is written: whole minor units and the currency's own number of decimals (ISO 4217, list one)."""

_EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
         "XOF", "XPF"),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def exponent(currency: str) -> int:
    """Give a currency's number of decimals; most have two."""
    return _EXPONENTS.get(currency, 2)


def decimal(amount_minor: int, currency: str) -> str:
    """Write an amount exactly, with its currency's decimals and without grouping."""
    decimals = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**decimals)
    sign = "−" if amount_minor < 0 else ""
    return f"{sign}{whole}.{part:0{decimals}}" if decimals else f"{sign}{whole}"
