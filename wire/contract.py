"""A contract and its policy, as the marketplace tells them to the tracker (PRODUCT.md, "Policy of a contract")."""

import enum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct


class Blur(enum.StrEnum):
    """Whether pictures are made unreadable on the device before anything keeps them."""

    NONE = "none"
    IRREVERSIBLE = "irreversible"


class ContractStatus(enum.StrEnum):
    """Only an active contract can be tracked on."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Policy(Struct, frozen=True, kw_only=True):
    """What both sides agreed; a change makes the next version.

    `activity_threshold` is in tenths: active minutes out of ten. `rate_minor` is per hour, in the minor unit of the
    contract's currency. `weekly_limit_minutes` None means no limit.
    """

    version: Annotated[int, Meta(ge=1)]
    snapshots_per_segment: Annotated[int, Meta(ge=0, le=3)]
    blur: Blur
    sends_window_titles: bool
    hold_s: Annotated[int, Meta(ge=0, le=3600)]
    allows_manual_time: bool
    declared_minutes_per_day: Annotated[int, Meta(ge=0, le=1440)]
    protects_declared_time: bool
    idle_limit_s: Annotated[int, Meta(ge=60, le=3600)]
    activity_threshold: Annotated[int, Meta(ge=0, le=10)]
    retention_weeks: Annotated[int, Meta(ge=1, le=520)]
    weekly_limit_minutes: Annotated[int, Meta(ge=0, le=10_080)] | None
    rate_minor: Annotated[int, Meta(ge=0)]


class Contract(Struct, frozen=True, kw_only=True):
    """An hourly contract of the person who asks, with the policy in force."""

    id: UUID
    title: str
    client: str
    freelancer: str
    status: ContractStatus
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    started_s: int
    policy: Policy


class ContractList(Struct, frozen=True, kw_only=True):
    """Every contract the person works on, newest first."""

    contracts: tuple[Contract, ...]
