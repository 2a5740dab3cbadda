"""The work diary's pages: the same for both parties, nothing for anybody else, and nothing that a memo can break."""

import datetime as dt
import re
import sqlite3
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from marketplace.accounts.models import User
from marketplace.contracts.models import Contract
from marketplace.diary import reading
from tests.marketplace.conftest import (
    Api,
    People,
    Recorder,
    interval,
    logged_in,
    minute,
    past_start_s,
    picture_of,
    said_of,
    snapshot_of,
    token_of,
)
from wire.diary import ActiveWindow, Activity
from wire.words import ActivitySource, Kind, SnapshotReason, SnapshotStatus

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7|add:7 }}"


def diary_address(contract: Contract, start_s: int) -> str:
    return f"/contracts/{contract.pk}/diary/{dt.datetime.fromtimestamp(start_s, dt.UTC).date()}/"


def record(recorder: Recorder, contract: Contract, **changed: Any) -> int:
    segment = recorder.segment(contract, **changed)
    recorder.seal(segment)
    assert recorder.send(len(recorder.links) - 1).status_code == 200
    return segment.start_s


def data_of(html: str, name: str, within: str) -> int:
    tag = next(one for one in re.findall(r"<(?:main|a|tr)\b[^>]*>", html) if within in one)
    found = re.search(rf'data-{name}="(\d+)"', tag)
    assert found, tag
    return int(found[1])


def every_address(recorder: Recorder, contract: Contract, start_s: int) -> list[str]:
    return [
        f"/contracts/{contract.pk}/diary/",
        diary_address(contract, start_s),
        f"/contracts/{contract.pk}/segments/{start_s}/{recorder.id}/",
    ]


def test_everybody_else_gets_404_and_anonymous_the_log_in_page(
    recorder: Recorder, contract: Contract, people: People, browser: Client
) -> None:
    start_s = record(recorder, contract)
    for address in every_address(recorder, contract, start_s):
        for person in (people.stranger, people.other_client):
            response = logged_in(person).get(address)
            assert response.status_code == 404
            assert b"API integration" not in response.content
        assert browser.get(address).headers["Location"] == f"/accounts/login/?next={address}"
        for person in (people.client, people.freelancer):
            assert logged_in(person).get(address, follow=True).status_code == 200


def test_without_the_party_check_a_stranger_would_see_it(
    recorder: Recorder, contract: Contract, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_s = record(recorder, contract)
    monkeypatch.setattr("marketplace.contracts.services.visible_contracts", lambda _: Contract.objects.all())
    assert logged_in(people.stranger).get(diary_address(contract, start_s)).status_code == 200


def test_unknown_is_like_forbidden(recorder: Recorder, contract: Contract, people: People) -> None:
    start_s = record(recorder, contract)
    client = logged_in(people.client)
    for address in (
        "/contracts/00000000-0000-0000-0000-000000000000/diary/",
        f"/contracts/{contract.pk}/diary/2026-02-30/",
        f"/contracts/{contract.pk}/diary/0001-01-01/",
        f"/contracts/{contract.pk}/diary/9999-12-31/",
        f"/contracts/{contract.pk}/segments/{start_s + 600}/{recorder.id}/",
        f"/contracts/{contract.pk}/segments/{10**30}/{recorder.id}/",
        f"/contracts/{contract.pk}/segments/{start_s}/{contract.pk}/",
        f"/contracts/{contract.pk}/pictures/{'0' * 64}/",
        "/nope",
    ):
        assert client.get(address).status_code == 404, address


def test_pages_are_only_read(contract: Contract, people: People) -> None:
    assert logged_in(people.client).post(f"/contracts/{contract.pk}/diary/2026-11-19/").status_code in {403, 405}


def test_the_day_shows_what_was_recorded(recorder: Recorder, contract: Contract, people: People) -> None:
    full, thumbnail = picture_of(), picture_of(16, 12)
    said = said_of(full, thumbnail)
    minutes = (minute(0, 10, 2, 3), minute(5, 7, 1, 0, moved=True))
    start_s = record(
        recorder,
        contract,
        intervals=(interval(0, 588_000),),
        activity=Activity(source=ActivitySource.COUNTS, minutes=minutes),
        snapshots=(snapshot_of(said),),
    )
    address = diary_address(contract, start_s)
    client = logged_in(people.client)
    html = client.get(address).content.decode()
    assert "Picture is on its way" in html
    for sha, body in ((said.sha256, full), (said.thumbnail_sha256, thumbnail)):
        assert recorder.api.put(f"pictures/{contract.pk}/{sha}", body).status_code == 204
    html = client.get(address).content.decode()
    assert f"/pictures/{said.thumbnail_sha256}/" in html
    assert "0:09:48" in html
    for within in ("<main", f'data-segment="{start_s}"'):
        assert data_of(html, "worked-ms", within) == 588_000
        assert [data_of(html, name, within) for name in ("keys", "clicks", "scrolls")] == [17, 3, 3]
    assert data_of(html, "segments", "<main") == 1
    assert data_of(html, "snapshots", "<main") == 1
    assert "activity 2 of 10" in html
    detail = client.get(f"/contracts/{contract.pk}/segments/{start_s}/{recorder.id}/").content.decode()
    assert f"/pictures/{said.sha256}/" in detail
    assert [data_of(detail, name, "data-totals") for name in ("keys", "clicks", "scrolls")] == [17, 3, 3]
    assert [data_of(detail, name, 'data-minute="5"') for name in ("keys", "clicks", "scrolls")] == [7, 1, 0]
    assert "<svg" in detail
    assert "<html" in detail


def test_htmx_gets_the_panel_alone(recorder: Recorder, contract: Contract, people: People) -> None:
    start_s = record(recorder, contract)
    address = f"/contracts/{contract.pk}/segments/{start_s}/{recorder.id}/"
    response = logged_in(people.client).get(address, headers={"HX-Request": "true"})
    assert response.content.decode().lstrip().startswith("<article")
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize("page", ["day", "segment"])
def test_a_hostile_memo_is_text(recorder: Recorder, contract: Contract, people: People, page: str) -> None:
    start_s = record(recorder, contract, intervals=(interval(memo=HOSTILE, label=HOSTILE[:200]),))
    address = every_address(recorder, contract, start_s)[1 if page == "day" else 2]
    response = logged_in(people.client).get(address)
    html = response.content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "{{ 7|add:7 }}" in html
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html.replace("onerror=", ""))


SHOWN = {
    "withheld": (snapshot_of(status=SnapshotStatus.WITHHELD), "withheld"),
    "locked": (
        snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.SCREEN_LOCKED),
        "The screen was locked.",
    ),
    "blank": (snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.BLANK), "blank picture"),
    "outside": (
        snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.OUTSIDE_TRACKED_TIME),
        "outside tracked time",
    ),
    "unavailable": (snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.UNAVAILABLE), "could not be read"),
    "lost": (snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.LOST), "lost before it could be sent"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_missing_picture_says_why(recorder: Recorder, contract: Contract, people: People, name: str) -> None:
    snapshot, words = SHOWN[name]
    start_s = record(recorder, contract, snapshots=(snapshot,))
    for address in every_address(recorder, contract, start_s)[1:]:
        assert words.lower() in logged_in(people.client).get(address).content.decode().lower()


@pytest.mark.parametrize(("kind", "words"), [(Kind.MANUAL, "✎ Manual time"), (Kind.DECLARED, "▤ Declared time")])
def test_kinds_are_told_by_shape_and_words(
    recorder: Recorder, contract: Contract, people: People, kind: Kind, words: str
) -> None:
    start_s = record(recorder, contract, intervals=(interval(kind=kind),))
    assert words in logged_in(people.client).get(diary_address(contract, start_s)).content.decode()


def test_an_empty_day_says_what_will_appear(contract: Contract, people: People) -> None:
    address = f"/contracts/{contract.pk}/diary/2026-01-02/"
    for person, words in ((people.client, "after Ana Silva has tracked"), (people.freelancer, "Start this contract")):
        html = logged_in(person).get(address).content.decode()
        assert "Nothing recorded on Friday, 2 January 2026" in html
        assert words in html
        assert data_of(html, "worked-ms", "<main") == 0


def test_without_counts_the_page_says_so_and_shows_active_seconds(
    recorder: Recorder, contract: Contract, people: People
) -> None:
    active = tuple(msgspec.structs.replace(minute(number), active_s=seconds) for number, seconds in ((0, 42), (3, 60)))
    activity = Activity(source=ActivitySource.ACTIVE_SECONDS, minutes=active)
    start_s = record(recorder, contract, activity=activity)
    html = logged_in(people.client).get(f"/contracts/{contract.pk}/segments/{start_s}/{recorder.id}/").content.decode()
    assert "Counts were not available on this desktop" in html
    assert "active 102 s" in html
    assert data_of(html, "active-s", 'data-minute="3"') == 60
    assert "data-keys" not in html.split('class="counts"')[1].split("</table>")[0], "no zero pretends to be a count"
    assert "A part of this segment was counted" not in html


def test_a_segment_counted_in_part_says_both(recorder: Recorder, contract: Contract, people: People) -> None:
    active = msgspec.structs.replace(minute(3), active_s=60)
    activity = Activity(source=ActivitySource.ACTIVE_SECONDS, minutes=(minute(2, 40, 3, 5), active))
    start_s = record(recorder, contract, activity=activity)
    html = logged_in(people.client).get(f"/contracts/{contract.pk}/segments/{start_s}/{recorder.id}/").content.decode()
    assert "A part of this segment was counted: keys 40, clicks 3, scrolls 5." in html
    assert data_of(html, "active-s", "data-totals") == 60


def test_only_the_newest_revision_counts(recorder: Recorder, contract: Contract, people: People) -> None:
    start_s = record(recorder, contract)
    record(recorder, contract, start_s=start_s, revision=2, intervals=(interval(0, 60_000, memo="Shorter"),))
    html = logged_in(people.client).get(diary_address(contract, start_s)).content.decode()
    assert data_of(html, "worked-ms", "<main") == 60_000
    assert data_of(html, "segments", "<main") == 1
    assert "Fix the race" not in html
    week = reading.billing_week_s(start_s)
    assert reading.worked_ms(contract, from_s=week[0], until_s=week[1]) == 60_000


def test_two_devices_in_one_segment_stand_together(recorder: Recorder, contract: Contract, people: People) -> None:
    start_s = record(recorder, contract, intervals=(interval(0, 200_000),))
    record(Recorder(recorder.user, "desktop"), contract, start_s=start_s, intervals=(interval(200_000, 300_000),))
    html = logged_in(people.client).get(diary_address(contract, start_s)).content.decode()
    assert html.count(f'data-segment="{start_s}"') == 2
    assert data_of(html, "worked-ms", "<main") == 300_000


def test_days_are_utc_and_half_open(recorder: Recorder, contract: Contract, people: People) -> None:
    midnight = past_start_s(300) // 86_400 * 86_400
    record(recorder, contract, start_s=midnight - 600)
    record(recorder, contract, start_s=midnight)
    client = logged_in(people.client)
    for moment in (midnight - 1, midnight):
        html = client.get(diary_address(contract, moment)).content.decode()
        assert data_of(html, "segments", "<main") == 1


def test_home_lists_ones_own_contracts(
    contract: Contract, second_contract: Contract, foreign_contract: Contract, people: People, browser: Client
) -> None:
    assert browser.get("/").headers["Location"] == "/accounts/login/?next=/"

    def listed(person: User) -> set[str]:
        html = logged_in(person).get("/").content.decode()
        return {one.title for one in (contract, second_contract, foreign_contract) if one.title in html}

    assert listed(people.client) == {"API integration"}
    assert listed(people.freelancer) == {"API integration", "Design system"}
    assert listed(people.other_client) == {"Design system", "Secret project"}
    nobody = User.objects.create_user("new@example.org", "New Person", "x")
    assert "No contracts yet" in logged_in(nobody).get("/").content.decode()


def test_logging_out(people: People) -> None:
    client = logged_in(people.client)
    assert client.get("/accounts/logout/").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302
    assert client.get("/").status_code == 302


@pytest.mark.usefixtures("people")
def test_nobody_signs_up(browser: Client) -> None:
    said = {"email": "x@example.org", "password1": "long-enough-password"}
    assert b"Sign-up is closed" in browser.post("/accounts/signup/", said).content
    assert User.objects.count() == 4


def test_a_form_from_elsewhere_is_refused(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"login": people.client.email, "password": "x"})
    assert response.status_code == 403
    assert b"This form has gone stale" in response.content


def test_our_mistakes_are_told_as_ours(
    contract: Contract, people: People, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "entries", broken)
    response = logged_in(people.client).get(f"/contracts/{contract.pk}/diary/2026-11-19/")
    assert response.status_code == 500
    assert b"Our mistake" in response.content
    assert b"ZeroDivisionError" not in response.content
    caplog.clear()


@pytest.mark.parametrize(("code", "status", "words"), [(13, 507, "disk is full"), (11, 503, "damaged")])
def test_a_failing_disk_is_told_with_what_to_do(
    contract: Contract, people: People, monkeypatch: pytest.MonkeyPatch, code: int, status: int, words: str
) -> None:
    monkeypatch.setattr(reading, "entries", failing(code))
    response = logged_in(people.client).get(f"/contracts/{contract.pk}/diary/2026-11-19/")
    assert response.status_code == status
    assert words in response.content.decode()


def failing(code: int) -> Any:
    def raises(*_: object, **__: object) -> None:
        cause = sqlite3.OperationalError("as sqlite says it")
        cause.sqlite_errorcode = code
        raise OperationalError("as sqlite says it") from cause

    return raises


@pytest.mark.usefixtures("db")
def test_demo_log_ins_work_on_loopback_alone(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("demo@example.org", "Demo", "known-to-all", is_demo=True)
    said = {"login": "demo@example.org", "password": "known-to-all"}
    monkeypatch.setattr(settings, "DEMO_LOG_INS_ALLOWED", False)
    assert browser.post("/accounts/login/", said).headers.get("Location") == "/accounts/inactive/"
    assert browser.get("/").status_code == 302
    token = token_of(User.objects.get(email="demo@example.org"))
    assert Api(token).get("me").status_code == 401
    monkeypatch.setattr(settings, "DEMO_LOG_INS_ALLOWED", True)
    assert Api(token).get("me").status_code == 200
    assert browser.post("/accounts/login/", said).headers["Location"] == "/"
    monkeypatch.setattr(settings, "DEMO_LOG_INS_ALLOWED", False)
    assert browser.get("/").status_code == 302


def test_content_outlives_a_salted_round_trip(recorder: Recorder, contract: Contract, people: People) -> None:
    memo = "ünïcode → 日本 🎉 \u202e"
    start_s = record(recorder, contract, intervals=(interval(memo=memo),))
    html = logged_in(people.client).get(diary_address(contract, start_s)).content.decode()
    assert memo in html
    assert msgspec.json.decode(bytes(contract.revisions.get().content or b""))["intervals"][0]["memo"] == memo


@pytest.mark.parametrize("is_agreed", [True, False])
def test_a_window_title_is_shown_only_where_the_policy_agreed_it(
    recorder: Recorder, contract: Contract, people: People, *, is_agreed: bool
) -> None:
    contract.policies.update(sends_window_titles=is_agreed)
    window = ActiveWindow(application="Editor", title="<b>notes</b>")
    start_s = record(
        recorder, contract, snapshots=(snapshot_of(said_of(picture_of(), picture_of(32, 24)), window=window),)
    )
    html = logged_in(people.client).get(every_address(recorder, contract, start_s)[2]).content.decode()
    assert ("&lt;b&gt;notes&lt;/b&gt; (Editor)" in html) is is_agreed
    assert "<b>notes" not in html
