"""Marks made on the web: only by the freelancer, hidden at once, destroyed when the rules say, and never undone."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client

from marketplace.accounts.models import User
from marketplace.clock import now_ms
from marketplace.contracts.models import Contract
from marketplace.diary import destruction, marking, reading
from marketplace.diary.models import Destruction, Link, Mark, Picture, Revision, StoredPicture
from tests.marketplace.conftest import (
    Api,
    People,
    Recorder,
    interval,
    logged_in,
    past_start_s,
    picture_of,
    problem_of,
    said_of,
    snapshot_of,
    token_of,
)
from tests.marketplace.test_pages import data_of, diary_address
from wire import marks
from wire.sync import Accepted, Rejected
from wire.week import WEEK_MS, lock_ms, review_end_ms, week_start_ms
from wire.words import SEGMENT_S

FULL, THUMBNAIL = picture_of(64, 48), picture_of(32, 24)


class Desk:
    """A segment with a picture that the marketplace has, and short ways to it."""

    def __init__(self, recorder: Recorder, contract: Contract, start_s: int | None = None) -> None:
        self.recorder, self.contract = recorder, contract
        picture = said_of(FULL, THUMBNAIL)
        self.segment = recorder.segment(contract, start_s, snapshots=(snapshot_of(picture),))
        recorder.seal(self.segment)
        for upload in recorder.missing(len(recorder.links) - 1):
            path = upload.url.split("/api/v1/")[1]
            assert recorder.api.put(path, FULL if upload.sha256 == picture.sha256 else THUMBNAIL).status_code == 204
        self.sha256, self.thumbnail = picture.sha256, picture.thumbnail_sha256
        self.start_s = self.segment.start_s
        self.key = marking.Key(contract.pk, recorder.id, self.start_s)
        self.address = f"/contracts/{contract.pk}/segments/{self.start_s}/{recorder.id}/"
        self.day = diary_address(contract, self.start_s)

    def delete(self, at_ms: int | None = None) -> marks.Mark:
        made = marking.delete(
            self.recorder.user, self.key, reason="Not work", now_ms=now_ms() if at_ms is None else at_ms
        )
        assert made is not None
        return made

    def withhold(self, at_ms: int | None = None) -> marks.Mark:
        made = marking.withhold(
            self.recorder.user, self.key, 125_000, reason="Private", now_ms=now_ms() if at_ms is None else at_ms
        )
        assert made is not None
        return made

    def files(self) -> set[str]:
        folder = Path(settings.PICTURES) / str(self.contract.pk)
        return {file.stem for file in folder.iterdir()}

    def worked_ms(self) -> int:
        return reading.worked_ms(self.contract, from_s=self.start_s, until_s=self.start_s + SEGMENT_S)


@pytest.fixture
def desk(recorder: Recorder, contract: Contract) -> Desk:
    return Desk(recorder, contract)


def before_lock(start_s: int) -> int:
    return lock_ms(start_s * 1000) - 1


def test_withholding_on_the_web_hides_and_destroys_the_picture_and_keeps_the_time(desk: Desk, people: People) -> None:
    mine = logged_in(people.freelancer)
    asked = mine.get(f"{desk.address}withhold/125000/")
    assert asked.status_code == 200
    assert Mark.objects.count() == 0, "asking changes nothing"
    desk.withhold(before_lock(desk.start_s))
    for client in (mine, logged_in(people.client)):
        assert client.get(f"/contracts/{desk.contract.pk}/pictures/{desk.sha256}/").status_code == 404
        assert client.get(f"/contracts/{desk.contract.pk}/pictures/{desk.thumbnail}/").status_code == 404
        page = client.get(desk.day).content.decode()
        assert "face-withheld" in page
        assert desk.sha256 not in page
        assert data_of(page, "worked-ms", 'id="main"') == 600_000
        panel = client.get(desk.address).content.decode()
        assert "Picture withheld" in panel
        assert "Ana Silva" in panel
        assert "Private" in panel
    assert desk.files() == set()
    assert not StoredPicture.objects.exists()
    assert not Picture.objects.exists()
    assert not Destruction.objects.exists()
    assert desk.worked_ms() == 600_000


def test_deleting_on_the_web_takes_the_time_and_keeps_the_bare_link(desk: Desk, people: People) -> None:
    link = Link.objects.get()
    desk.delete(before_lock(desk.start_s))
    page = logged_in(people.client).get(desk.day).content.decode()
    assert "face-deleted" in page
    assert "by Ana Silva" in page
    assert [data_of(page, name, 'id="main"') for name in ("worked-ms", "keys", "segments", "snapshots")] == [0, 0, 0, 0]
    panel = logged_in(people.client).get(desk.address).content.decode()
    assert "Not work" in panel
    assert "Fix the race" not in panel
    revision = Revision.objects.get()
    assert (revision.content, revision.salt, revision.worked_ms) == (None, None, 0)
    assert desk.files() == set()
    left = Link.objects.get()
    assert (bytes(left.digest), bytes(left.hash)) == (bytes(link.digest), bytes(link.hash))


def test_the_forms_work_without_javascript(desk: Desk, people: People) -> None:
    mine = logged_in(people.freelancer)
    assert f'href="{desk.address}withhold/125000/"' in mine.get(desk.address).content.decode()
    assert f'href="{desk.address}delete/"' in mine.get(desk.address).content.decode()
    refused = mine.post(f"{desk.address}withhold/125000/", {"reason": "  "})
    assert refused.status_code == 422
    assert "Give a reason" in refused.content.decode()
    assert mine.post(f"{desk.address}delete/", {"reason": "x" * 501}).status_code == 422
    assert Mark.objects.count() == 0
    for _ in range(2):  # a form sent twice does it once
        done = mine.post(f"{desk.address}withhold/125000/", {"reason": "A letter"})
        assert (done.status_code, done.headers["Location"]) == (302, desk.address)
    for _ in range(2):
        done = mine.post(f"{desk.address}delete/", {"reason": "Lunch"})
        assert (done.status_code, done.headers["Location"]) == (302, desk.address)
    made = [reading.read_mark(row) for row in Mark.objects.order_by("number")]
    assert [(one.number, one.kind, one.reason) for one in made] == [
        (1, marks.MarkKind.WITHHELD, "A letter"),
        (2, marks.MarkKind.DELETED, "Lunch"),
    ]
    assert "Delete this time" not in mine.get(desk.address).content.decode()
    assert mine.get(f"{desk.address}delete/").status_code == 404


@pytest.mark.parametrize("who", ["client", "stranger", "other_client"])
@pytest.mark.parametrize("action", ["withhold/125000/", "delete/"])
def test_nobody_else_can_mark(desk: Desk, people: People, who: str, action: str) -> None:
    browser = logged_in(getattr(people, who))
    assert browser.get(desk.address + action).status_code == 404
    assert browser.post(desk.address + action, {"reason": "I want it"}).status_code == 404
    user: User = getattr(people, who)
    with pytest.raises(Contract.DoesNotExist):
        marking.delete(user, desk.key, reason="I want it", now_ms=now_ms())
    assert Mark.objects.count() == 0
    assert desk.worked_ms() == 600_000
    assert desk.files() == {desk.sha256, desk.thumbnail}
    page = logged_in(people.client).get(desk.address).content.decode()
    assert "Withhold picture" not in page
    assert "Delete this time" not in page


def test_without_the_check_of_the_freelancer_a_client_could(
    desk: Desk, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    entry = reading.entry(desk.contract, device_id=desk.key.device_id, start_s=desk.start_s)
    monkeypatch.setattr("marketplace.diary.views._own_entry", lambda *_: (desk.contract, entry))
    assert logged_in(people.client).get(desk.address + "delete/").status_code == 200


def test_anonymous_is_led_to_the_log_in_page(desk: Desk, browser: Client) -> None:
    for action in ("withhold/125000/", "delete/"):
        answer = browser.post(desk.address + action, {"reason": "I want it"})
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/accounts/login/")
    assert Mark.objects.count() == 0


def test_a_form_from_elsewhere_is_refused(desk: Desk, people: People) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people.freelancer)
    assert strict.post(f"{desk.address}delete/", {"reason": "Lunch"}).status_code == 403
    assert Mark.objects.count() == 0


def test_after_the_lock_it_is_hidden_at_once_and_destroyed_after_the_review(
    recorder: Recorder, contract: Contract, people: People
) -> None:
    start_s = week_start_ms(now_ms() - 2 * WEEK_MS) // 1000
    desk = Desk(recorder, contract, start_s)
    locked_ms, ended_ms = lock_ms(start_s * 1000), review_end_ms(start_s * 1000)
    desk.delete(locked_ms)
    client = logged_in(people.client)
    assert "face-deleted" in client.get(desk.day).content.decode()
    assert client.get(f"/contracts/{contract.pk}/pictures/{desk.sha256}/").status_code == 404
    destruction.carry_out(now_ms=ended_ms - 1)
    assert desk.files() == {desk.sha256, desk.thumbnail}, "kept for a mediator"
    assert Revision.objects.get().content is not None
    destruction.carry_out(now_ms=ended_ms)
    assert desk.files() == set()
    assert Revision.objects.get().content is None
    assert "face-deleted" in client.get(desk.day).content.decode()


def test_a_device_that_sends_next_has_destroyed_what_is_due(recorder: Recorder, contract: Contract) -> None:
    start_s = week_start_ms(now_ms() - 3 * WEEK_MS) // 1000
    desk = Desk(recorder, contract, start_s)
    desk.withhold(lock_ms(start_s * 1000))
    assert desk.files()
    recorder.seal(recorder.segment(contract))
    assert recorder.send(1).status_code == 200
    assert desk.files() == set()


def test_a_destruction_that_was_cut_short_is_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("marketplace.diary.pictures._delete", full)
        desk.withhold(before_lock(desk.start_s))
        desk.recorder.seal(desk.recorder.segment(desk.contract, past_start_s(3)))
        assert desk.recorder.send(1).status_code == 200, "it holds no batch back"
    assert desk.files()
    assert Mark.objects.count() == 1
    assert Destruction.objects.count() == 1
    destruction.carry_out(now_ms=now_ms() + WEEK_MS)
    assert desk.files() == set()
    assert not Destruction.objects.exists()


def test_no_revision_undoes_a_mark(desk: Desk, people: People) -> None:
    """A device that does not know the mark yet sends the same time and picture again, and more."""
    desk.delete(before_lock(desk.start_s))
    for revision, end_ms in ((2, 600_000), (3, 600_000)):
        again = msgspec.structs.replace(desk.segment, revision=revision, intervals=(interval(0, end_ms),))
        desk.recorder.seal(again)
        assert isinstance(desk.recorder.outcomes(len(desk.recorder.links) - 1)[0], Accepted)
        assert desk.recorder.missing(len(desk.recorder.links) - 1) == (), "the picture is not wanted any more"
    put = desk.recorder.api.put(f"pictures/{desk.contract.pk}/{desk.sha256}", FULL)
    assert problem_of(put).code == "unknown_picture"
    assert desk.worked_ms() == 0
    assert not any(row.content for row in Revision.objects.all()) or Destruction.objects.exists()
    assert "Fix the race" not in logged_in(people.client).get(desk.address).content.decode()


def test_what_no_mark_names_stands(recorder: Recorder, contract: Contract) -> None:
    """Time that was not there when it was deleted is not deleted: the device went on in the same ten minutes."""
    first = recorder.segment(contract, intervals=(interval(0, 200_000),))
    recorder.seal(first)
    recorder.outcomes()
    key = marking.Key(contract.pk, recorder.id, first.start_s)
    assert marking.delete(recorder.user, key, reason="Lunch", now_ms=before_lock(first.start_s)) is not None
    more = msgspec.structs.replace(first, revision=2, intervals=(interval(0, 200_000), interval(200_000, 300_000)))
    recorder.seal(more)
    assert isinstance(recorder.outcomes(1)[0], Accepted)
    assert reading.worked_ms(contract, from_s=first.start_s, until_s=first.start_s + 1) == 100_000
    entry = reading.entry(contract, device_id=recorder.id, start_s=first.start_s)
    assert entry is not None
    assert [(one.start_ms, one.end_ms) for one in entry.segment.intervals] == [(200_000, 300_000)]
    assert entry.deletion is None


def test_deleted_time_is_free_for_other_work(desk: Desk, second_contract: Contract, people: People) -> None:
    other = Recorder(people.freelancer, "desktop")
    other.seal(other.segment(second_contract, desk.start_s))
    assert isinstance(other.outcomes()[0], Rejected), "as long as it stands"
    desk.delete(before_lock(desk.start_s))
    other.seal(other.segment(second_contract, desk.start_s))
    assert isinstance(other.outcomes(1)[0], Accepted)


def test_the_same_bytes_in_another_segment_stay(recorder: Recorder, contract: Contract, people: People) -> None:
    first, second = Desk(recorder, contract), None
    second = Desk(recorder, contract, first.start_s + SEGMENT_S)
    first.withhold(before_lock(first.start_s))
    assert second.files() == {second.sha256, second.thumbnail}
    shown = logged_in(people.client).get(f"/contracts/{contract.pk}/pictures/{second.sha256}/")
    assert shown.status_code == 200
    second.withhold(before_lock(second.start_s))
    assert second.files() == set()


def test_marks_reach_the_persons_devices_and_nobody_elses(desk: Desk, people: People) -> None:
    def asked(user: User, after: Any = 0) -> Any:
        return Api(token_of(user)).get(f"marks?after={after}")

    assert msgspec.json.decode(asked(people.freelancer).content, type=marks.MarkList) == marks.MarkList(
        marks=(), newest=0
    )
    first, second = desk.withhold(), desk.delete()
    given = msgspec.json.decode(asked(people.freelancer).content, type=marks.MarkList)
    assert given == marks.MarkList(marks=(first, second), newest=2)
    assert msgspec.json.decode(asked(people.freelancer, 1).content, type=marks.MarkList).marks == (second,)
    assert msgspec.json.decode(asked(people.freelancer, 2).content, type=marks.MarkList).marks == ()
    for other in (people.client, people.stranger):
        answer = asked(other)
        assert msgspec.json.decode(answer.content, type=marks.MarkList) == marks.MarkList(marks=(), newest=0)
    assert problem_of(Api(None).get("marks")).code == "unauthorised"
    for wrong in ("-1", "x", 2**63):
        assert problem_of(asked(people.freelancer, wrong)).code == "not_found"


def test_who_has_no_name_is_not_named_by_address(desk: Desk) -> None:
    desk.recorder.user.name = " "
    assert desk.withhold().actor == "The freelancer"


def test_marks_are_only_ever_added(desk: Desk) -> None:
    desk.withhold()
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
        Mark.objects.update(made_ms=1)
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
        Mark.objects.all()._raw_delete("default")
    assert Mark.objects.get().made_ms != 1
