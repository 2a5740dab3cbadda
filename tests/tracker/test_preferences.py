"""The person's settings: declared once, refused where they cannot be, kept in the buffer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.terms import contract
from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.preferences import PREFERENCES, STOP_AT_LIMIT, Preferences
from tracker.store.buffer import Buffer, open_buffer
from tracker.terms import terms_of


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    buffer = open_buffer(tmp_path, bytes(32))
    yield buffer
    buffer.database.close()


def test_a_setting_is_its_default_until_it_is_set(buffer: Buffer) -> None:
    preferences = Preferences(buffer.settings)
    assert [preferences.is_on(one) for one in PREFERENCES.values()] == [one.default for one in PREFERENCES.values()]
    for word, is_on in (("on", True), ("Off", False), (" YES ", True), ("0", False)):
        preferences.put("Stop-at-limit", word)
        assert Preferences(buffer.settings).is_on(STOP_AT_LIMIT) is is_on


def test_what_cannot_be_is_refused_and_changes_nothing(buffer: Buffer) -> None:
    preferences = Preferences(buffer.settings)
    preferences.put("stop-at-limit", "on")
    with pytest.raises(RefusedError, match="on or off, not 'maybe'"):
        preferences.put("stop-at-limit", "maybe")
    with pytest.raises(RefusedError, match="no setting 'stop'"):
        preferences.put("stop", "off")
    assert preferences.is_on(STOP_AT_LIMIT)


def test_the_terms_heed_it(buffer: Buffer) -> None:
    now = Moment(NOON_MS, 0, 0, 0, is_provisional=False)
    assert not terms_of(contract(weekly_limit_minutes=60), buffer, now).stops_at_limit
    Preferences(buffer.settings).put("stop-at-limit", "on")
    assert terms_of(contract(weekly_limit_minutes=60), buffer, now).stops_at_limit
