"""Amounts with their currency's own decimals."""

import pytest

from wire.money import decimal, exponent


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (4200, "USD", "42.00"),
        (5, "EUR", "0.05"),
        (4200, "JPY", "4200"),
        (-5, "KWD", "−0.005"),
        (12345, "CLF", "1.2345"),
    ],
)
def test_amount_has_the_decimals_of_its_currency(amount_minor: int, currency: str, text: str) -> None:
    assert decimal(amount_minor, currency) == text


def test_currency_not_in_the_table_has_two_decimals() -> None:
    assert exponent("USD") == 2
