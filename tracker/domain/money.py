"""How many decimals a currency has (ISO 4217, list one, column "Minor unit")."""

_NO_MINOR = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_EXPONENTS = {
    **dict.fromkeys(_NO_MINOR, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent(currency: str) -> int:
    """Give a currency's number of decimals; most have two."""
    return _EXPONENTS.get(currency, 2)


def decimal(minor: int, currency: str) -> str:
    """Write an amount that is not negative with its currency's decimals, ungrouped."""
    decimals = exponent(currency)
    whole, part = divmod(minor, 10**decimals)
    return f"{whole}.{part:0{decimals}}" if decimals else str(whole)
