"""Which contract a person means by what they type."""

from collections.abc import Sequence
from typing import Final

from tracker.domain.errors import RefusedError
from wire.contract import Contract

LAST_CONTRACT: Final = "last_contract"
"""The setting that holds the id of the contract started on last."""


def find_contract(contracts: Sequence[Contract], wanted: str) -> Contract:
    """Find a contract by its id, its title, or the beginning of its title.

    Raises:
        RefusedError: none is meant, or more than one.
    """
    beginning = wanted.strip().casefold()
    exact = [one for one in contracts if beginning in {str(one.id), one.title.casefold()}]
    found = exact or [one for one in contracts if beginning and one.title.casefold().startswith(beginning)]
    if not found:
        raise RefusedError(f"There is no contract “{wanted}”. See yours with: daybook contracts")
    if len(found) > 1:
        names = ", ".join(f"“{one.title}” ({one.id})" for one in found)
        raise RefusedError(f"More than one contract begins so: {names}. Give the whole title or the id.")
    return found[0]
