"""Everything that Freehold refuses, in one tree.

::

    FreeholdError                 exit  1
    ├── UsageError                exit  2   the command line itself is wrong
    ├── RefusedError              exit  3   a preflight said no; nothing was changed
    ├── IntegrityError            exit  4   a digest or a signature does not match
    ├── PartialError              exit  5   some of the work is done; a rerun goes on
    ├── LockedError               exit  6   somebody else is at work on the same thing
    └── UnknownStateError         exit  7   Freehold could not look, so it does not guess

    FreeholdErrors                a group: all errors of one step, raised together

An error answers five questions: what was found, what was expected, why it matters, what exactly to do, and what was
changed before it was noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(eq=False)
class FreeholdError(Exception):
    """One refusal.

    ``code`` is stable and greppable (``CONFIG_UNKNOWN_KEY``); ``subject`` is the host, file or key that it is about.
    """

    code: str
    subject: str
    found: str
    expected: str = ""
    why: str = ""
    fix: str = ""
    changed: str = "nothing"
    details: dict[str, Any] = field(default_factory=dict)

    exit_code: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__init__(self.code, self.subject, self.found)

    def __str__(self) -> str:
        rows = (
            ("found", self.found),
            ("expected", self.expected),
            ("why", self.why),
            ("fix", self.fix),
            ("changed", self.changed),
        )
        lines = [f"{self.code} {self.subject}"]
        lines += [f"  {name + ':':<10}{text}" for name, text in rows if text]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The machine-readable twin of the message."""
        return asdict(self)


class UsageError(FreeholdError):
    """The command line cannot be understood."""

    exit_code = 2


class RefusedError(FreeholdError):
    """A check made before any change said no."""

    exit_code = 3


class IntegrityError(FreeholdError):
    """An artefact is not the one that its manifest names."""

    exit_code = 4


class PartialError(FreeholdError):
    """The work stopped half-way; the message says how to go on."""

    exit_code = 5


class LockedError(FreeholdError):
    """Another run holds the lock."""

    exit_code = 6


class UnknownStateError(FreeholdError):
    """The state could not be read, and guessing would be worse."""

    exit_code = 7


class FreeholdErrors(Exception):  # noqa: N818  a group, as ExceptionGroup is
    """All the errors of one step, so that the user mends them in one go."""

    def __init__(self, errors: Sequence[FreeholdError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    @property
    def exit_code(self) -> int:
        """The gravest exit code of the group."""
        return max(error.exit_code for error in self.errors)

    def as_json(self) -> list[dict[str, Any]]:
        """The machine-readable twin of the message."""
        return [error.as_json() for error in self.errors]


def raise_all(errors: Sequence[FreeholdError]) -> None:
    """Raise what was collected: nothing, the one error itself, or the group."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise FreeholdErrors(errors)
