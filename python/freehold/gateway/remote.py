"""Questions of the control host to the ledgers of the nodes, over SSH with pinned host keys."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import ssh
from freehold.errors import FreeholdError, FreeholdErrors, RefusedError, UnknownStateError, UsageError, raise_all
from freehold.process import ProcessError, Runner

LEDGER = "/var/lib/freehold/gateway/ledger.sqlite3"
PYTHON = "/opt/freehold/venvs/gateway/bin/python"
MODULES = {"explain": "freehold.gateway.frontier.explain"}
"""What answers on the node; all else is the ledger's."""
CONNECT_SECONDS = 10
SECONDS = 60.0
AT_ONCE = 16
CLASSES = {one.exit_code: one for one in (UsageError, RefusedError, UnknownStateError)}


@dataclass(frozen=True)
class Ledgers:
    """The fleet's, and the way to them."""

    document: Mapping[str, Any]
    private_key: Path
    known_hosts: Path
    runner: Runner

    def of_authority(self, do: str, /, **question: Any) -> Any:
        """Ask the node that keeps the fleet's keys."""
        return self.of_node(self.document["gateway"]["authority"], do, **question)

    def of_node(self, name: str, do: str, /, **question: Any) -> Any:
        """Ask one node; raises what it refused, or :class:`UnknownStateError` where it did not answer."""
        (host,) = (one for one in self.document["hosts"] if one["name"] == name)
        asked = json.dumps({"ledger": LEDGER, "node": name, "do": do, **question})
        words = ssh.command(host, self.private_key, self.known_hosts, connect_seconds=CONNECT_SECONDS)
        remote = f"sudo -n {shlex.quote(PYTHON)} -m {MODULES.get(do, 'freehold.ledger.node')}"
        try:
            done = self.runner([*words, remote], check=False, stdin=asked, timeout=SECONDS)
            said = json.loads(done.stdout)
        except (ProcessError, ValueError) as error:
            raise _unknown(name, str(error)) from error
        if "errors" in said:
            raise_all([_error(name, row, said["exit_code"]) for row in said["errors"]])
        return said["answer"]

    def of_all(self, do: str, hosts: Sequence[str] = (), /, **question: Any) -> dict[str, Any]:
        """Ask every node that is not in maintenance, or ``hosts``; an answer or a :class:`FreeholdError` of each."""
        names = [
            one["name"] for one in self.document["hosts"] if (one["name"] in hosts if hosts else not one["maintenance"])
        ]
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(names, pool.map(lambda name: self._told(name, do, question), names), strict=True))

    def _told(self, name: str, do: str, question: Mapping[str, Any]) -> Any:
        try:
            return self.of_node(name, do, **question)
        except FreeholdErrors as error:
            return error.errors[0]
        except FreeholdError as error:
            return error


def _error(node: str, row: Mapping[str, Any], exit_code: int) -> FreeholdError:
    return CLASSES.get(exit_code, RefusedError)(**{**row, "subject": f"{node}: {row['subject']}"})


def _unknown(name: str, found: str) -> UnknownStateError:
    return UnknownStateError(
        "LEDGER_UNREACHABLE",
        name,
        found[-300:],
        expected="an answer of the node's ledger over SSH",
        fix=f"freehold status; in doubt log in and look: systemctl status freehold-gateway on {name}",
    )
