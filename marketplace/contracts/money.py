"""Money as people read it: whole minor units and the currency's own number of decimals (ISO 4217)."""

_NO_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def exponent(currency: str) -> int:
    """Tell how many decimals a currency has."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def money(amount_minor: int, currency: str) -> str:
    """Write an amount with its currency, exactly."""
    decimals = exponent(currency)
    sign, digits = ("−", -amount_minor) if amount_minor < 0 else ("", amount_minor)
    whole, part = divmod(digits, 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d} {currency}" if decimals else f"{sign}{whole} {currency}"
