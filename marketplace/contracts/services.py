"""Who may see a contract, what its policy says, and how both come to be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from marketplace.accounts.models import Organisation, User
from marketplace.contracts.models import Contract, PolicyVersion
from marketplace.errors import refused
from wire import contract as wire
from wire.money import decimal

log = structlog.get_logger(__name__)


def visible_contracts(user: User) -> QuerySet[Contract]:
    """Give the contracts a person may see: their own as freelancer, and those of the organisations they act for."""
    mine = Q(freelancer=user) | Q(client__memberships__user=user)
    return Contract.objects.filter(mine).select_related("client", "freelancer").distinct().order_by("-started_ms", "id")


def visible_contract(user: User, contract_id: UUID) -> Contract:
    """Give one contract that the person may see.

    Raises:
        Contract.DoesNotExist: there is none, or it is not theirs to see; nobody can tell which.
    """
    return visible_contracts(user).get(pk=contract_id)


def policy_in_force(contract: Contract, *, now_ms: int) -> PolicyVersion:
    """Give the policy version that holds at a moment; before the first holds, the first."""
    versions = sorted(contract.policies.all(), key=lambda one: one.version)
    held = [one for one in versions if one.holds_from_ms <= now_ms]
    return held[-1] if held else versions[0]


def contracts_to_track(user: User, *, now_ms: int) -> wire.ContractList:
    """Give every contract that the person works on, newest first, as the tracker reads them."""
    contracts = visible_contracts(user).filter(freelancer=user).prefetch_related("policies")
    return wire.ContractList(contracts=tuple(_as_message(one, now_ms) for one in contracts))


def start_hourly_contract(
    *,
    client: Organisation,
    freelancer: User,
    title: str,
    currency: str,
    terms: wire.Policy,
    started_ms: int,
    agreed_by: User,
) -> Contract:
    """Start a contract under the first version of its policy.

    Raises:
        RefusedError: the currency is not three capital letters (ISO 4217).
    """
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise refused(422, "malformed", "No currency", f"{currency!r} is no ISO 4217 currency code.")
    with transaction.atomic():
        contract = Contract.objects.create(
            client=client, freelancer=freelancer, title=title, currency=currency, started_ms=started_ms
        )
        _store_policy(
            contract, terms, version=1, holds_from_ms=started_ms, agreed_by=agreed_by, reason="contract start"
        )
    log.info("contract started", contract=str(contract.pk))
    return contract


def agree_policy(
    contract: Contract, terms: wire.Policy, *, holds_from_ms: int, agreed_by: User, reason: str
) -> PolicyVersion:
    """Follow the newest policy version by another; the version number in `terms` is replaced by the next one."""
    with transaction.atomic():
        locked = Contract.objects.select_for_update().get(pk=contract.pk)
        newest = max(one.version for one in locked.policies.all())
        policy = _store_policy(
            locked, terms, version=newest + 1, holds_from_ms=holds_from_ms, agreed_by=agreed_by, reason=reason
        )
    log.info("policy agreed", contract=str(contract.pk), version=policy.version)
    return policy


def as_terms(policy: PolicyVersion) -> wire.Policy:
    """Give a policy version as the message that the tracker reads."""
    return msgspec.convert(
        {name: getattr(policy, name) for name in wire.Policy.__struct_fields__}, wire.Policy, strict=False
    )


def _store_policy(
    contract: Contract, terms: wire.Policy, *, version: int, holds_from_ms: int, agreed_by: User, reason: str
) -> PolicyVersion:
    said = {**msgspec.structs.asdict(terms), "version": version}
    return PolicyVersion.objects.create(
        contract=contract, holds_from_ms=holds_from_ms, agreed_by=agreed_by, reason=reason, **said
    )


def _as_message(contract: Contract, now_ms: int) -> wire.Contract:
    return wire.Contract(
        id=contract.pk,
        title=contract.title,
        client=contract.client.name,
        freelancer=contract.freelancer.name,
        status=wire.ContractStatus(contract.status),
        currency=contract.currency,
        started_s=contract.started_ms // 1000,
        policy=as_terms(policy_in_force(contract, now_ms=now_ms)),
    )


def policy_versions(contracts: Iterable[Contract]) -> dict[UUID, dict[int, int]]:
    """Give each contract's policy versions: version number to row id."""
    known: dict[UUID, dict[int, int]] = {}
    rows = PolicyVersion.objects.filter(contract__in=list(contracts)).values_list("contract_id", "version", "pk")
    for contract_id, version, pk in rows:
        known.setdefault(contract_id, {})[version] = pk
    return known


def sends_window_titles(contract: Contract, version: int) -> bool:
    """Tell whether a version of a contract's policy agreed that window titles go along with snapshots."""
    return PolicyVersion.objects.filter(contract=contract, version=version, sends_window_titles=True).exists()


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract as a list shows it to one of its parties."""

    contract: Contract
    policy: PolicyVersion
    rate: str
    is_mine: bool


def listed_contracts(user: User, *, now_ms: int) -> list[Listed]:
    """Give the contracts that the person may see, newest first, with the policy in force."""
    return [listed(one, user, now_ms=now_ms) for one in visible_contracts(user).prefetch_related("policies")]


def listed(contract: Contract, user: User, *, now_ms: int) -> Listed:
    """Give one contract as a page shows it to one of its parties."""
    policy = policy_in_force(contract, now_ms=now_ms)
    rate = f"{decimal(policy.rate_minor, contract.currency)} {contract.currency}"
    return Listed(contract, policy, rate, is_mine=contract.freelancer_id == user.pk)
