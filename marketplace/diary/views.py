"""The work diary's pages. Whoever is no party of the contract gets 404 for everything of it."""

import datetime as dt
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from marketplace.accounts.models import User
from marketplace.clock import now_ms
from marketplace.contracts import services as contracts
from marketplace.contracts.models import Contract
from marketplace.diary import pictures, reading
from marketplace.diary.chart import HEIGHT, WIDTH, bars
from marketplace.diary.day import DAY_S, bounds_s, lay_out

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
        "date": _date_of(entry.segment.start_s),
        "bars": bars(entry.segment.activity),
        "chart_width": WIDTH,
        "chart_height": HEIGHT,
    }
    is_panel = request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers
    return render(request, "diary/_segment.html" if is_panel else "diary/segment.html", said)


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


def _date_of(moment_s: int) -> dt.date:
    return dt.datetime.fromtimestamp(moment_s, dt.UTC).date()
