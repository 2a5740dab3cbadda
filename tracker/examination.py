"""The examination of the machine as a contract is begun on: what does not work is told, and forbids nothing."""

from uuid import UUID

from tracker.capture.platform import BackEnds, doctor
from tracker.exclusions import Exclusions
from tracker.sight import Sight


class Examination:
    """Tries everything that tracking needs: at the first start on each contract, and until nothing is found any more.

    It is for a timer that runs already: the test picture, of which nothing is kept, must not be taken while it is off.

    Args:
        back_ends: what is tried; what is in use goes on undisturbed.
        sight: no test picture is taken while a window can be seen that the person excludes.
        exclusions: windows need to be listed only while there are rules.
    """

    def __init__(self, back_ends: BackEnds, sight: Sight, exclusions: Exclusions) -> None:
        self._back_ends = back_ends
        self._sight = sight
        self._exclusions = exclusions
        self._examined: set[UUID] = set()  # in this run: another session may have other means
        self.findings: tuple[str, ...] = ()

    def examine(self, contract: UUID) -> None:
        """Try everything unless it has been found to work already, and keep what does not in `findings`."""
        if contract in self._examined and not self.findings:
            return
        if self._sight.look(asks_title=False).is_excluded:
            return
        self._examined.add(contract)
        said = [
            one.sentence if one.remedy is None or one.remedy in one.sentence else f"{one.sentence} {one.remedy}"
            for one in doctor(self._back_ends)
            if not one.works and (one.port != "windows" or self._exclusions.rules)
        ]
        self.findings = tuple(dict.fromkeys(said))
