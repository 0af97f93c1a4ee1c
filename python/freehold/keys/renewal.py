"""Renewal over SSH: role `tls` on every node by one playbook, then this host's own certificate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, PartialError, UsageError
from freehold.fleet import playbook_run
from freehold.keys import clock, holders
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.paths import PROJECT

CONTROL = "control"
Run = Callable[..., playbook_run.Ended]


@dataclass(frozen=True)
class Outcome:
    """What became of one holder: changed, current, failed, unreachable, or maintenance (not visited)."""

    name: str
    outcome: str
    message: str = ""


@dataclass(frozen=True)
class Renewal:
    """What to renew: ``document`` is the fleet's, ``path`` where it lies; without ``hosts`` all of them."""

    document: Mapping[str, Any]
    path: Path
    state: Path
    hosts: Sequence[str] = ()
    force: bool = False
    new_key: bool = False

    @property
    def visited(self) -> list[str]:
        """Hosts to go to. Raises :class:`UsageError` for one that is not in the document."""
        known = {host["name"]: host for host in self.document["hosts"]}
        for name in self.hosts:
            if name not in known:
                raise UsageError("HOST_UNKNOWN", name, "not in the document", expected=", ".join(known))
        return [name for name in self.hosts or known if not known[name]["maintenance"]]

    @property
    def words(self) -> list[str]:
        """The ansible-playbook command."""
        inventory = PROJECT / "inventory" / self.document["site"]["name"]
        words = [playbook_run.ansible_playbook(), "-i", str(inventory), "--limit", ",".join(self.visited)]
        words += ["--extra-vars", "tls_renew_now=true"] if self.force else []
        words += ["--extra-vars", "tls_new_key=true"] if self.new_key else []
        return [*words, str(PROJECT / "playbooks" / "renew.yml")]


def renew(wanted: Renewal, *, run: Run = playbook_run.run, now: clock.Clock = clock.now) -> list[Outcome]:
    """Visit the nodes, then renew this host's own. Nodes that could not be brought up to date are in the outcomes."""
    nodes = _visit(wanted, run) if wanted.visited else []
    resting = {host["name"] for host in wanted.document["hosts"] if host["maintenance"]}
    asked = wanted.hosts or [host["name"] for host in wanted.document["hosts"]]
    at_rest = [Outcome(name, "maintenance") for name in asked if name in resting]
    return [*nodes, *at_rest, _own_outcome(wanted.document, now)]


def _own_outcome(document: Mapping[str, Any], now: clock.Clock) -> Outcome:
    """An error of this host's own certificate must not hide what became of the nodes."""
    try:
        return own(document, now=now)
    except FreeholdError as error:
        return Outcome(CONTROL, "failed", str(error))


def own(document: Mapping[str, Any], *, now: clock.Clock = clock.now) -> Outcome:
    """The control host's certificate, in ``control/`` of the hierarchy: it reads metrics and gateways over the mesh."""
    keys = KeysFolder(Path(document["keys"]["folder"]))
    identity = Identity(keys.site, CONTROL, CONTROL, (document["mesh"]["control"]["address"],))
    answer = holders.ensure(keys, identity, keys.path / CONTROL, now=now)
    return Outcome(CONTROL, "changed" if answer.status == "issued" else "current", answer.reason)


def _visit(wanted: Renewal, run: Run) -> list[Outcome]:
    logs = wanted.state / "logs"
    with tempfile.TemporaryDirectory(prefix="freehold-renew-") as folder:
        recap = Path(folder) / "recap.json"
        files = playbook_run.Files(logs / "keys-renew.log", logs / "keys-renew.task", recap)
        environment = {"FREEHOLD_FLEET_DOCUMENT": str(wanted.path), "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")}
        ended = run(wanted.words, files, cwd=PROJECT, env=environment)
    if ended.recap is None:
        raise PartialError(
            "KEYS_RENEW",
            "playbooks/renew.yml",
            f"ansible-playbook ended with status {ended.returncode} before its first task",
            expected="a visit to every node",
            fix=f"read {files.log}, mend the cause, run the same command again",
        )
    return [_outcome(name, ended.recap) for name in wanted.visited]


def _outcome(name: str, recap: Mapping[str, Any]) -> Outcome:
    counts = recap["hosts"].get(name)
    said = [one["message"] for one in recap["failures"] if one.get("host", name) == name]
    if counts is None or counts["unreachable"]:
        return Outcome(name, "unreachable", "no answer over SSH")
    if not counts.get("done"):
        return Outcome(name, "failed", "\n".join(said) or "it did not come to the last task")
    return Outcome(name, "changed" if counts["changed"] else "current")


def refuse_partial(outcomes: Sequence[Outcome]) -> None:
    """Raise :class:`PartialError` naming who was not brought up to date."""
    left = [one for one in outcomes if one.outcome in {"failed", "unreachable"}]
    if left:
        raise PartialError(
            "KEYS_RENEW",
            ", ".join(one.name for one in left),
            "; ".join(f"{one.name}: {one.outcome} {one.message}".strip() for one in left),
            expected="every node with its certificate, and the lists of what was revoked",
            why="a node that was not reached still lets in what was revoked since",
            fix="mend the cause, then again: freehold keys renew",
            changed="the other nodes",
        )
