"""The marketplace's kinds of failure: the environment's fault, and a refusal told to the one who asked.

Anything else that is raised is a bug of ours and answered as one.
"""

from collections.abc import Mapping

from wire.sync import Problem


class MarketplaceError(Exception):
    """Base of every failure that the marketplace foresees."""


class SetupError(MarketplaceError):
    """The environment does not let the marketplace work; the text says what, why and what to do."""


class RefusedError(MarketplaceError):
    """A request is refused; carries the problem that is answered (RFC 9457) and its extra headers."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = dict(headers or {})


def refused(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    next_link: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> RefusedError:
    """Make a refusal: a short title, a sentence for people in `detail`, a `code` for programs."""
    problem = Problem(title=title, status=status, detail=detail, code=code, next_link=next_link)
    return RefusedError(problem, headers)
