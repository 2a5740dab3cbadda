"""The work diary's pages. Whoever is no party of the contract gets 404 for everything of it.

So does whoever is not its freelancer for what only the freelancer may do.
"""

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from marketplace.accounts.models import User
from marketplace.clock import now_ms
from marketplace.contracts import services as contracts
from marketplace.contracts.models import Contract
from marketplace.diary import marking, pictures, reading
from marketplace.diary.chart import HEIGHT, WIDTH, bars
from marketplace.diary.day import DAY_S, Entry, bounds_s, lay_out
from marketplace.diary.forms import ReasonForm
from wire.week import lock_ms

_ONE_DAY = dt.timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # beyond, a day has no neighbours to lead to


@require_safe
@login_required
def today(request: HttpRequest, contract_id: UUID) -> HttpResponse:
    """Lead to today's page (UTC)."""
    contract = _contract(request, contract_id)
    return redirect("diary_day", contract_id=contract.pk, date=_date_of(now_ms() // 1000))


@require_safe
@login_required
def day(request: HttpRequest, contract_id: UUID, date: dt.date) -> HttpResponse:
    """Show one day of the work diary."""
    contract = _contract(request, contract_id)
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        raise Http404
    now_s = now_ms() // 1000
    from_s, until_s = bounds_s(date)
    week_from_s, week_until_s = reading.billing_week_s(from_s)
    listed = contracts.listed(contract, _user(request), now_ms=now_s * 1000)
    limit = listed.policy.weekly_limit_minutes
    week_ms = reading.worked_ms(contract, from_s=week_from_s, until_s=week_until_s)
    said = {
        "contract": contract,
        "listed": listed,
        "day": lay_out(date, reading.entries(contract, from_s=from_s, until_s=until_s)),
        "today": _date_of(now_s),
        "previous": date - _ONE_DAY,
        "following": date + _ONE_DAY,
        "week_ms": week_ms,
        "week_from": _date_of(week_from_s),
        "week_until": _date_of(week_until_s - DAY_S),
        "limit_minutes": limit,
        "week_share": min(100, round(week_ms / (limit * 600))) if limit else None,
    }
    return render(request, "diary/day.html", said)


@require_safe
@login_required
@vary_on_headers("HX-Request")
def segment(request: HttpRequest, contract_id: UUID, start_s: int, device_id: UUID) -> HttpResponse:
    """Show one segment: as a page, or as the side panel where htmx asks."""
    contract = _contract(request, contract_id)
    entry = reading.entry(contract, device_id=device_id, start_s=start_s)
    if entry is None:
        raise Http404
    said = {
        "contract": contract,
        "listed": contracts.listed(contract, _user(request), now_ms=now_ms()),
        "entry": entry,
        "shows_titles": contracts.sends_window_titles(contract, entry.segment.policy_version),
        "date": _date_of(entry.segment.start_s),
        "bars": bars(entry.segment.activity),
        "chart_width": WIDTH,
        "chart_height": HEIGHT,
    }
    is_panel = request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers
    return render(request, "diary/_segment.html" if is_panel else "diary/segment.html", said)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def withhold(request: HttpRequest, contract_id: UUID, start_s: int, device_id: UUID, at_ms: int) -> HttpResponse:
    """Ask the freelancer whether to withhold a snapshot's pictures, and do it."""
    contract, entry = _own_entry(request, marking.Key(contract_id, device_id, start_s))
    snapshot = next((one for one in entry.segment.snapshots if one.at_ms == at_ms and one.pictures), None)
    if snapshot is None:
        return _nothing_left(request, contract, entry)
    form = ReasonForm(request.POST or None, initial={"reason": _("It shows something private.")})
    if request.method == "POST" and form.is_valid():
        key = marking.Key(contract.pk, device_id, start_s)
        marking.withhold(_user(request), key, at_ms, reason=form.cleaned_data["reason"], now_ms=now_ms())
        return _to_segment(contract, entry)
    return _confirm(request, contract, entry, form, {"snapshot": snapshot})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, contract_id: UUID, start_s: int, device_id: UUID) -> HttpResponse:
    """Ask the freelancer whether to delete a segment's time, and do it."""
    contract, entry = _own_entry(request, marking.Key(contract_id, device_id, start_s))
    if not entry.segment.intervals:
        return _nothing_left(request, contract, entry)
    form = ReasonForm(request.POST or None, initial={"reason": _("It was not work on this contract.")})
    if request.method == "POST" and form.is_valid():
        key = marking.Key(contract.pk, device_id, start_s)
        marking.delete(_user(request), key, reason=form.cleaned_data["reason"], now_ms=now_ms())
        return _to_segment(contract, entry)
    return _confirm(request, contract, entry, form, {})


@require_safe
@login_required
def picture(request: HttpRequest, contract_id: UUID, sha256: str) -> HttpResponse:
    """Give a picture's bytes to a party of the contract; kept by no shared cache, asked for again each time."""
    contract = _contract(request, contract_id)
    body = pictures.load_picture(contract, sha256)
    if body is None:
        raise Http404
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{sha256}"', "X-Content-Type-Options": "nosniff"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(body, content_type="image/jpeg", headers=headers)


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("login_required let someone in who is not logged in")
    return request.user


def _contract(request: HttpRequest, contract_id: UUID) -> Contract:
    try:
        return contracts.visible_contract(_user(request), contract_id)
    except Contract.DoesNotExist as error:
        raise Http404 from error


def _own_entry(request: HttpRequest, key: marking.Key) -> tuple[Contract, Entry]:
    """Give a contract and one of its segments to its freelancer; for everybody else it is not there."""
    contract = _contract(request, key.contract_id)
    if contract.freelancer_id != _user(request).pk:
        raise Http404
    entry = reading.entry(contract, device_id=key.device_id, start_s=key.start_s)
    if entry is None:
        raise Http404
    return contract, entry


def _nothing_left(request: HttpRequest, contract: Contract, entry: Entry) -> HttpResponse:
    """Lead whoever sends a form twice to what it did; there is nothing to ask about."""
    if request.method != "POST":
        raise Http404
    return _to_segment(contract, entry)


def _to_segment(contract: Contract, entry: Entry) -> HttpResponse:
    segment = entry.segment
    return redirect("diary_segment", contract_id=contract.pk, start_s=segment.start_s, device_id=segment.device)


def _confirm(
    request: HttpRequest, contract: Contract, entry: Entry, form: ReasonForm, said: dict[str, Any]
) -> HttpResponse:
    said |= {
        "contract": contract,
        "entry": entry,
        "form": form,
        "date": _date_of(entry.segment.start_s),
        "is_locked": now_ms() >= lock_ms(entry.segment.start_s * 1000),
    }
    return render(request, "diary/mark.html", said, status=422 if form.errors else 200)


def _date_of(moment_s: int) -> dt.date:
    return dt.datetime.fromtimestamp(moment_s, dt.UTC).date()
