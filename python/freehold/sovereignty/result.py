"""What a check says: one shape for all of them, and the verdict over many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """``unknown`` means "could not look"; it is never counted as good."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Verdict(StrEnum):
    """``SOVEREIGN`` needs every check to have looked and none to have failed."""

    SOVEREIGN = "SOVEREIGN"
    NOT_SOVEREIGN = "NOT SOVEREIGN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class CheckResult:
    """One check of one subject. ``checked_at`` is UTC, ISO 8601."""

    id: str
    subject: str
    outcome: Outcome
    summary: str
    checked_at: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return asdict(self) | {"outcome": str(self.outcome)}


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """Judge a set of results; no results at all is ``UNKNOWN``."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAIL in outcomes:
        return Verdict.NOT_SOVEREIGN
    if Outcome.UNKNOWN in outcomes or Outcome.OK not in outcomes:
        return Verdict.UNKNOWN
    return Verdict.SOVEREIGN
