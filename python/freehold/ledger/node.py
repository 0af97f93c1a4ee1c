"""One question to the ledger of this node: ``python -m freehold.ledger.node < question.json``, for commands over SSH.

A question is ``{"ledger": path, "node": name, "do": verb, ...}``; the answer is ``{"answer": ...}`` or
``{"errors": [...], "exit_code": n}``. The gateway may run or not: it sees what was changed within a second.
Keys come as their SHA-256 only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, FreeholdErrors, UsageError
from freehold.ledger import clock as clocks
from freehold.ledger import followers
from freehold.ledger.audit import audit
from freehold.ledger.clock import LedgerClock
from freehold.ledger.key_records import Key, KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.store import Store

LONGEST_WAIT = 5.0
Question = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """An open ledger and what is asked of it."""

    store: Store
    clock: LedgerClock
    question: Question

    @property
    def keys(self) -> KeyTable:
        """The keys."""
        return KeyTable(self.store, self.clock)

    @property
    def limits(self) -> KeyLimits:
        """The limits in the question."""
        given = dict(self.question.get("limits") or {})
        models = given.pop("models", None)
        return KeyLimits(models=tuple(models) if models else None, **given)


def key_list(asked: Asked) -> list[dict[str, Any]]:
    """All keys."""
    return [told(key) for key in asked.keys.listed(revoked=bool(asked.question.get("revoked")))]


def key_new(asked: Asked) -> dict[str, Any]:
    """Take a key up."""
    given = asked.question
    return told(asked.keys.create(given["name"], given["sha256"], asked.limits, expires_ms=given.get("expires_ms")))


def key_revoke(asked: Asked) -> dict[str, Any]:
    """Let it in no more."""
    return told(asked.keys.revoke(asked.question["name"], asked.question.get("why", "")))


def key_rotate(asked: Asked) -> dict[str, Any]:
    """Another hash; the old one opens for a while."""
    given = asked.question
    return told(asked.keys.rotate(given["name"], given["sha256"], grace_ms=given.get("grace_ms", 0)))


def key_limit(asked: Asked) -> dict[str, Any]:
    """What it may from now on."""
    given = asked.question
    return told(asked.keys.set_limits(given["name"], asked.limits, expires_ms=given.get("expires_ms")))


def key_reached(asked: Asked) -> dict[str, Any]:
    """Which gateways know a change of keys; waits for them, a few seconds at most."""
    given = asked.question
    seconds = min(LONGEST_WAIT, float(given.get("seconds", 0)))
    return followers.wait_until_reached(asked.store, asked.clock, given["version"], given["nodes"], seconds=seconds)


def usage(asked: Asked) -> dict[str, Any]:
    """What this node tells of some days."""
    from freehold.ledger.report import export  # noqa: PLC0415  it needs rich, which only commands have

    return export(asked.store, asked.question["node"], asked.question["first_day"], asked.question["last_day"])


def check(asked: Asked) -> dict[str, Any]:
    """Whether the file is whole and its sums agree."""
    return {"wrong": audit(asked.store), "clock_ahead_ms": asked.clock.stepped}


def accept_clock(asked: Asked) -> dict[str, Any]:
    """The owner says that the wall clock is right; the gateway follows within a second, or at its next start."""
    ahead = asked.clock.stepped
    if ahead:
        clocks.accept_wall(asked.store, ahead)
    return {"ahead_ms": ahead}


VERBS: dict[str, Callable[[Asked], Any]] = {
    "key list": key_list,
    "key new": key_new,
    "key revoke": key_revoke,
    "key rotate": key_rotate,
    "key limit": key_limit,
    "key reached": key_reached,
    "usage": usage,
    "check": check,
    "accept clock": accept_clock,
}


def told(key: Key) -> dict[str, Any]:
    """A key as it is shown: no digest of it."""
    hidden = {"sha256", "rotated_from"}
    return {name: value for name, value in key.columns().items() if name not in hidden}


def answer(question: Question) -> Any:
    """Ask the ledger. Raises :class:`FreeholdError`."""
    verb = VERBS.get(str(question.get("do")))
    if verb is None:
        raise UsageError("LEDGER_QUESTION", str(question.get("do")), "no such verb", expected=", ".join(VERBS))
    with Store.open(Path(question["ledger"])) as store:
        return verb(Asked(store, clocks.of_command(store), question))


def main(answering: Callable[[Question], Any] = answer) -> int:
    """Answer the question on standard input; programs that answer others bring their own ``answering``."""
    try:
        said = {"answer": answering(json.load(sys.stdin))}
    except (FreeholdError, FreeholdErrors) as error:
        group = error.as_json() if isinstance(error, FreeholdErrors) else [error.as_json()]
        said = {"errors": group, "exit_code": error.exit_code}
    json.dump(said, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
