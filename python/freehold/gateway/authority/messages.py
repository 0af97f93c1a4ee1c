"""What followers and the authority say to each other: JSON, version 1, strict in all that is known of it.

``session`` is drawn when the authority's gateway starts. Who names another one has heard a process that is gone, maybe
with a ledger that was replaced since: it gets everything anew, and tells everything anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from freehold.errors import FreeholdError, RefusedError
from freehold.gateway import body as bodies
from freehold.gateway.refusals import RefusalError
from freehold.ledger.caps import MOST_TOKENS, whole_number
from freehold.ledger.holdings import LeaseReport
from freehold.ledger.replication import Changes

VERSION = 1
FOLLOW, LEASE = "/fleet/v1/follow", "/fleet/v1/lease"
MOST = 10**15
LONGEST_ID = 64
"""Of keys, leases, sessions: ours have at most 24 characters."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Follow:
    """A follower's word: where it stands, and what is new on its node.

    ``tokens`` are the sums of ``day`` by key, ``whole`` where keys that are not named have none; ``hours`` the sums of
    tokens that were served locally, by hour since the epoch.
    """

    session: str = ""
    heard: int = 0
    source: str = ""
    position: int = 0
    day: int = 0
    whole: bool = True
    tokens: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    reports: tuple[LeaseReport, ...] = ()

    def as_json(self) -> Json:
        """For the wire."""
        return {
            "version": VERSION,
            "session": self.session,
            "heard": self.heard,
            "source": self.source,
            "position": self.position,
            "day": self.day,
            "whole": self.whole,
            "tokens": dict(self.tokens),
            "hours": {str(hour): tokens for hour, tokens in self.hours.items()},
            "reports": [report.as_json() for report in self.reports],
        }

    @classmethod
    def from_json(cls, told: Json) -> Self:
        """Read what a follower sent. Raises ``FLEET_BAD_MESSAGE`` and ``FLEET_VERSION``."""
        with _Reading(told, cls) as said:
            return cls(
                session=_text(said["session"]),
                heard=_count(said["heard"]),
                source=_text(said["source"]),
                position=_count(said["position"]),
                day=_count(said["day"]),
                whole=_flag(said["whole"]),
                tokens=_counts(said["tokens"]),
                hours={_hour(hour): tokens for hour, tokens in _counts(said["hours"]).items()},
                reports=tuple(LeaseReport.from_json(row) for row in _rows(said["reports"])),
            )


@dataclass(frozen=True)
class Followed:
    """The authority's answer.

    ``keys`` is none where nothing changed. ``elsewhere`` are tokens of ``day`` on all other nodes by key, ``whole``
    where keys that are not named have none. ``taken`` are leases whose report is on record, ``refused`` others: why.
    """

    session: str
    number: int
    day: int
    whole: bool
    elsewhere: Mapping[str, int]
    keys: Changes | None = None
    taken: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> Json:
        """For the wire."""
        return {
            "version": VERSION,
            "session": self.session,
            "number": self.number,
            "day": self.day,
            "whole": self.whole,
            "elsewhere": dict(self.elsewhere),
            "keys": self.keys.as_json() if self.keys else None,
            "taken": list(self.taken),
            "refused": dict(self.refused),
        }

    @classmethod
    def from_json(cls, told: Json) -> Self:
        """Read what the authority answered. Raises ``FLEET_BAD_MESSAGE`` and ``FLEET_VERSION``."""
        with _Reading(told, cls) as said:
            return cls(
                session=_text(said["session"]),
                number=_count(said["number"]),
                day=_count(said["day"]),
                whole=_flag(said["whole"]),
                elsewhere=_counts(said["elsewhere"]),
                keys=None if said["keys"] is None else Changes.from_json(said["keys"]),
                taken=tuple(_text(one) for one in _rows(said["taken"])),
                refused={_text(lease): _text(why) for lease, why in said["refused"].items()},
            )


def parsed(raw: bytes) -> Json:
    """The JSON object in ``raw``: each field once, a bounded depth. Raises ``FLEET_BAD_MESSAGE``."""
    try:
        return bodies.parse(raw)
    except RefusalError as error:
        raise bad(error.message) from error


def dumped(message: Json) -> bytes:
    """As it is sent."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def checked_version(told: Json) -> Json:
    """This message, where it is of a version that is known here. Raises ``FLEET_VERSION``."""
    if told.get("version") != VERSION or type(told["version"]) is not int:
        raise RefusedError(
            "FLEET_VERSION",
            "a message between gateways",
            f"version {str(told.get('version'))[:20]}",
            f"version {VERSION}",
            why="what a newer version means by its words is not known here",
            fix="bring all nodes to one version: pulumi up",
        )
    return told


class _Reading:
    """Checks the version and the names; turns what the parsing raises into one error."""

    def __init__(self, told: Json, kind: type[Follow | Followed]) -> None:
        self._told = checked_version(told)
        empty = Follow() if kind is Follow else Followed("", 0, 0, whole=True, elsewhere={})
        self._names = empty.as_json().keys()

    def __enter__(self) -> Json:
        if self._told.keys() != self._names:
            raise bad(f"fields {', '.join(sorted(self._told.keys() ^ self._names))[:200]}")
        return self._told

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FreeholdError | KeyError | TypeError | ValueError | AttributeError):
            raise bad(f"{type(error).__name__}: {str(error)[:200]}") from error


def bad(found: str) -> RefusedError:
    """A message that is not understood."""
    return RefusedError(
        "FLEET_BAD_MESSAGE",
        "a message between gateways",
        found,
        "what this version sends",
        fix="bring all nodes to one version: pulumi up",
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise TypeError(f"no short text: {str(value)[:40]!r}")
    return value


def _count(value: object) -> int:
    return whole_number("a count", value, most=MOST)


def _hour(name: str) -> int:
    if not (name.isascii() and name.isdigit()):
        raise ValueError(f"no hour: {name!r}")
    return whole_number("an hour", int(name), most=MOST_TOKENS)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"neither true nor false: {str(value)[:40]!r}")
    return value


def _rows(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"no list: {str(value)[:40]!r}")
    return value


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise TypeError(f"no object: {str(value)[:40]!r}")
    return {_text(name): _count(count) for name, count in value.items()}
