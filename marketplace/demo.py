"""The demonstration's people and contracts. Their passwords are no secret, so they log in on loopback alone."""

import json
from dataclasses import asdict, dataclass

import msgspec
from django.conf import settings
from django.db import transaction

from marketplace.accounts.models import Organisation, User
from marketplace.accounts.services import found_organisation
from marketplace.clock import now_ms
from marketplace.contracts.models import Contract
from marketplace.contracts.services import agree_policy, as_terms, policy_in_force, start_hourly_contract
from marketplace.diary.reading import WEEK_S, billing_week_s
from marketplace.errors import SetupError
from wire.contract import Blur, Policy

_CLIENT = ("mara@northwind.example", "Mara Klein", "demo-northwind-mara")
_FREELANCER = ("ana@example.org", "Ana Silva", "demo-freelancer-ana")
_ORGANISATION = "Northwind Ltd"
_CONTRACTS = (("API integration", 4200, 30), ("Design system", 3800, 10))
_WEEKS_RUNNING = 4


@dataclass(frozen=True, slots=True)
class LogIn:
    """How one demo person logs in."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class DemoContract:
    """A demo contract and where its client finds the diary."""

    id: str
    title: str
    diary: str


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything that the demonstration needs to know."""

    url: str
    client: LogIn
    freelancer: LogIn
    contracts: tuple[DemoContract, ...]


def seed(*, hold_s: int) -> Demo:
    """Make the demo people and contracts, or refresh them: passwords and hold are as told here afterwards.

    Raises:
        SetupError: the data folder holds real accounts, or other machines can reach the marketplace.
    """
    if not 0 <= hold_s <= 3600:
        raise SetupError(f"A hold of {hold_s} s cannot be agreed. Give 0 to 3600 with --hold-s.")
    if not settings.DEMO_LOG_INS_ALLOWED:
        raise SetupError("Demo accounts are made on 127.0.0.1 alone. Leave DAYBOOK_BIND and DAYBOOK_PUBLIC_URL out.")
    with transaction.atomic():
        if User.objects.filter(is_demo=False).exists():
            raise SetupError(
                f"{settings.ENVIRONMENT.data} holds real accounts; demo accounts are kept apart. "
                "Name another data folder with --data."
            )
        client, freelancer = _person(*_CLIENT), _person(*_FREELANCER)
        organisation = found_organisation(_ORGANISATION, client)
        moment_ms = now_ms()
        contracts = [
            _contract(organisation, freelancer, client, title, rate_minor, hours, hold_s=hold_s, moment_ms=moment_ms)
            for title, rate_minor, hours in _CONTRACTS
        ]
    url = settings.ENVIRONMENT.public_url
    return Demo(
        url=url,
        client=LogIn(client.name, client.email, _CLIENT[2]),
        freelancer=LogIn(freelancer.name, freelancer.email, _FREELANCER[2]),
        contracts=tuple(DemoContract(str(one.pk), one.title, f"{url}/contracts/{one.pk}/diary/") for one in contracts),
    )


def told(demo: Demo, *, as_json: bool) -> str:
    """Write the demo's log-ins and contracts for a program or a person."""
    if as_json:
        return json.dumps(asdict(demo), indent=2)
    lines = [f"{one.name}: {one.email}, password {one.password}" for one in (demo.client, demo.freelancer)]
    return "\n".join([*lines, *(f"{one.title}: {one.diary}" for one in demo.contracts)])


def _person(email: str, name: str, password: str) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        return User.objects.create_user(email, name, password, is_demo=True)
    user.name = name
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    return user


def _contract(
    client: Organisation,
    freelancer: User,
    agreed_by: User,
    title: str,
    rate_minor: int,
    hours_a_week: int,
    *,
    hold_s: int,
    moment_ms: int,
) -> Contract:
    contract = Contract.objects.filter(client=client, freelancer=freelancer, title=title).first()
    if contract is None:
        monday_s, _ = billing_week_s(moment_ms // 1000 - _WEEKS_RUNNING * WEEK_S)
        terms = _terms(rate_minor, hours_a_week, hold_s)
        return start_hourly_contract(
            client=client,
            freelancer=freelancer,
            title=title,
            currency="USD",
            terms=terms,
            started_ms=monday_s * 1000,
            agreed_by=agreed_by,
        )
    held = as_terms(policy_in_force(contract, now_ms=moment_ms))
    if held.hold_s != hold_s:
        changed = msgspec.structs.replace(held, hold_s=hold_s)
        agree_policy(contract, changed, holds_from_ms=moment_ms, agreed_by=agreed_by, reason="demonstration")
    return contract


def _terms(rate_minor: int, hours_a_week: int, hold_s: int) -> Policy:
    return Policy(
        version=1,
        snapshots_per_segment=1,
        blur=Blur.NONE,
        sends_window_titles=False,
        hold_s=hold_s,
        allows_manual_time=True,
        declared_minutes_per_day=60,
        protects_declared_time=False,
        idle_limit_s=600,
        activity_threshold=3,
        retention_weeks=26,
        weekly_limit_minutes=hours_a_week * 60,
        rate_minor=rate_minor,
    )
