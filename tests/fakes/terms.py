"""A contract and its policy as the marketplace would tell them."""

from uuid import UUID

import msgspec

from wire.contract import Blur, Contract, ContractStatus, Policy

POLICY = Policy(
    version=1,
    snapshots_per_segment=1,
    blur=Blur.NONE,
    sends_window_titles=False,
    hold_s=60,
    allows_manual_time=True,
    declared_minutes_per_day=0,
    protects_declared_time=False,
    idle_limit_s=600,
    activity_threshold=4,
    retention_weeks=26,
    weekly_limit_minutes=None,
    rate_minor=4200,
)


def contract(number: int = 1, **changes: object) -> Contract:
    """Give the contract of a number; the changes are its policy's."""
    return Contract(
        id=UUID(int=number),
        title=f"Contract {number}",
        client="Northwind Ltd",
        freelancer="Robin",
        status=ContractStatus.ACTIVE,
        currency="USD",
        started_s=0,
        policy=msgspec.structs.replace(POLICY, **changes),
    )
