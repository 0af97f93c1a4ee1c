"""Make one node what the fleet document says: ``python -m freehold.fleet.converge --host gpu1 < fleet.json``.

Standard output carries one small JSON recap and nothing else, for it becomes Pulumi's state. Ansible's own output goes
to ``<state>/logs/converge-<host>.log``, redacted. A failure names the task, its message and the log on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from freehold.errors import FreeholdError, FreeholdErrors, PartialError, RefusedError, UsageError
from freehold.fleet import ancestor, fed, lock, mesh_key, playbook_run, record, roll, state_backup
from freehold.fleet import document as documents
from freehold.paths import PROJECT

KNOWN_HOSTS = "FREEHOLD_KNOWN_HOSTS"
PRIVATE_KEY = "FREEHOLD_PRIVATE_KEY_FILE"
FORGET = "FREEHOLD_FORGET"  # names of hosts that are gone for good: nothing dials them
PURGE = "FREEHOLD_PURGE"  # asked of `pulumi destroy` through the environment: its command was fixed at creation
UNREACHABLE_EXIT = 4  # ansible-playbook's own

PLAYBOOKS = {documents.CONVERGE: "site.yml", documents.REMOVE: "remove.yml", documents.PEERS: "peers.yml"}

Run = Callable[..., playbook_run.Ended]


@dataclass(frozen=True)
class Request:
    """What to do, with everything it depends on."""

    host: str
    document: Mapping[str, Any]
    state: Path
    purpose: str = documents.CONVERGE
    purge: bool = False
    project: Path = PROJECT
    credentials: fed.Credentials | None = None

    @property
    def remove(self) -> bool:
        """Whether the node is to be taken down."""
        return self.purpose == documents.REMOVE

    @property
    def files(self) -> playbook_run.Files:
        """Where this run writes."""
        logs = self.state / "logs"
        return playbook_run.Files(
            logs / f"{self.purpose}-{self.host}.log",
            logs / f"{self.purpose}-{self.host}.task",
            self.folder / "recap.json",
        )

    @property
    def folder(self) -> Path:
        """The run's private folder; the lock makes it this run's alone."""
        return self.state / "runs" / self.host

    @property
    def record(self) -> Path:
        """What this control host remembers of the host."""
        return record.path_of(self.state, self.document["stack"], self.host)

    @property
    def introduced(self) -> Path:
        """What this control host remembers of the key that its peers were told of."""
        return mesh_key.path_of(self.state, self.document["stack"], self.host)

    @property
    def words(self) -> list[str]:
        """The ansible-playbook command."""
        playbook = PLAYBOOKS[self.purpose]
        inventory = self.project / "inventory" / self.document["site"]["name"]
        words = [playbook_run.ansible_playbook(), "-i", str(inventory), "--limit", self.host]
        words += ["--extra-vars", json.dumps({"freehold_purge": True})] if self.purge else []
        return [*words, str(self.project / "playbooks" / playbook)]


def converge(
    request: Request, *, environment: Mapping[str, str] = os.environ, run: Run = playbook_run.run
) -> dict[str, Any]:
    """Run the playbook and return the recap; raises :class:`FreeholdError` when it did not end well."""
    if request.remove:
        refuse_renamed(request)
        # `pulumi destroy` runs no program, so what it changes is copied from here.
        if warning := state_backup.begin(request.document["stack"], environment=environment):
            print(warning, file=sys.stderr)
        if request.host in environment.get(FORGET, "").split(","):
            return _forgotten(request)
    ledger = roll.Ledger.of(request.state, request.document["stack"])
    if request.purpose == documents.CONVERGE:
        ledger.refuse_if_stopped(request.host)
    if request.purpose == documents.PEERS and request.host in ledger.failed():
        return _set_aside(request)
    with lock.held(request.state, request.host, request.purpose) as descriptor:
        _remember_begun(request, environment)
        started = time.monotonic()
        env = _prepare(request) | {lock.HELD: json.dumps({request.host: descriptor})}
        try:
            ended = _ansible(request, env, descriptor, run)
        finally:
            shutil.rmtree(request.folder, ignore_errors=True)
        recap = _judged(request, ended, ledger) | {"seconds": round(time.monotonic() - started)}
        if not recap["failed"]:
            _remember(request, environment)
    return recap


def _ansible(request: Request, env: Mapping[str, str], lock_descriptor: int, run: Run) -> playbook_run.Ended:
    with fed.handed_on(request.credentials) as (variables, descriptors):
        return run(
            request.words,
            request.files,
            cwd=request.project,
            env={**env, **variables},
            secrets=list((request.credentials or {}).values()),
            keep_open=[lock_descriptor, *descriptors],
        )


def _set_aside(request: Request) -> dict[str, Any]:
    """Its converge has failed in this roll: there is nobody to introduce yet, and the next roll begins with it."""
    return {"host": request.host, "action": request.purpose, "failed": 1}


def _forgotten(request: Request) -> dict[str, Any]:
    """The owner says that the server is gone, or was wiped: there is nothing to take down."""
    _forget(request)
    return {"host": request.host, "action": "forget", "failed": 0}


def _judged(request: Request, ended: playbook_run.Ended, ledger: roll.Ledger) -> dict[str, Any]:
    """The recap; a failed converge has one too, as long as the roll goes on in spite of it."""
    try:
        return judge(request, ended)
    except PartialError as error:
        if not request.remove and ledger.tolerates(request.host, f"{error.code}: {error.found}"):
            _unfinished(request)
            return {"host": request.host, "action": request.purpose, "failed": 1, "log": str(request.files.log)}
        raise


def refuse_renamed(request: Request) -> None:
    """Refuse to take down a server that now serves under another name: to Pulumi a rename is one more and one less."""
    exported = request.state / "export" / "fleet.json"
    if not exported.is_file():
        return
    (own,) = (host for host in request.document["hosts"] if host["name"] == request.host)
    current = json.loads(exported.read_text(encoding="utf-8"))
    for host in current["hosts"] if current["stack"] == request.document["stack"] else ():
        same = (host["address"], host["port"]) == (own["address"], own["port"]) or host["host_key"] == own["host_key"]
        if same and host["name"] != request.host:
            raise RefusedError(
                "HOST_RENAMED",
                request.host,
                f"the same server is now host {host['name']} of this stack",
                expected="a server that the stack gave up",
                why=f"removing {request.host} would take down what {host['name']} serves",
                fix=f"`pulumi state delete URN` for each resource of {request.host}; `pulumi stack --show-urns` lists",
            )


def _prepare(request: Request) -> dict[str, str]:
    shutil.rmtree(request.folder, ignore_errors=True)
    request.folder.mkdir(parents=True, mode=0o700)
    fleet = documents.export(request.document, request.folder)
    return {
        fed.DOCUMENT: str(fleet),
        documents.PURPOSE: request.purpose,
        **_key_file(os.environ),
        KNOWN_HOSTS: str(fleet.with_name("known_hosts")),
        "ANSIBLE_CONFIG": str(request.project / "ansible.cfg"),
    }


def _unfinished(request: Request) -> None:
    """Whatever ended well before: the next roll visits this host again."""
    record.write(request.record, replace(record.read(request.record), finished=False))


def _key_file(environment: Mapping[str, str]) -> dict[str, str]:
    """The operator's key in whoever's home it is: the state knows it by the name that the stack file has."""
    given = environment.get(PRIVATE_KEY)
    return {PRIVATE_KEY: str(Path(given).expanduser())} if given else {}


def _remember_begun(request: Request, environment: Mapping[str, str]) -> None:
    if request.purpose != documents.PEERS:
        record.write(request.record, record.of_environment(environment, finished=False))


def _remember(request: Request, environment: Mapping[str, str]) -> None:
    if request.remove:
        _forget(request)
    elif request.purpose == documents.CONVERGE:
        record.write(request.record, record.of_environment(environment, finished=True))
    else:
        mesh_key.write(request.introduced, request.document, request.host, environment)


def _forget(request: Request) -> None:
    request.record.unlink(missing_ok=True)
    request.introduced.unlink(missing_ok=True)


def judge(request: Request, ended: playbook_run.Ended) -> dict[str, Any]:
    """The recap of a run that ended well; raises :class:`PartialError` for any other."""
    counts = (ended.recap or {}).get("hosts", {}).get(request.host)
    if ended.returncode != 0 or counts is None:
        raise _failed(request, ended)
    kept = {"ok": counts["ok"], "changed": counts["changed"], "failed": counts["failures"] + counts["unreachable"]}
    return {"host": request.host, "action": request.purpose, **kept, "log": str(request.files.log)}


def _failed(request: Request, ended: playbook_run.Ended) -> PartialError:
    failures = (ended.recap or {}).get("failures", [])
    if failures:
        found = "\n            ".join(
            line for failure in failures for line in (f"task: {failure['task']}", *failure["message"].splitlines())
        )
    elif ended.recap is None:
        found = f"ansible-playbook ended with status {ended.returncode} before its first task"
    else:
        found = f"no task ran on {request.host} (status {ended.returncode})"
    unreachable = ended.returncode == UNREACHABLE_EXIT
    fix = f"read {request.files.log}, mend the cause, and run the same command again: it goes on from there"
    if unreachable and request.remove:
        fix += f"; if that server is gone for good: {FORGET}={request.host} pulumi up"
    return PartialError(
        "HOST_UNREACHABLE" if unreachable else f"{request.purpose.upper()}_FAILED",
        request.host,
        found,
        expected="every task to end well",
        fix=fix,
        changed="what the tasks before it did; each is safe to repeat",
    )


def main(arguments: Sequence[str] | None = None, *, stdin: TextIO | None = None) -> int:
    """Entry point; returns the exit code of :mod:`freehold.errors`."""
    options = _options(arguments)
    ancestor.end_with("pulumi")
    try:
        recap = converge(_request(options, stdin or sys.stdin))
    except (FreeholdError, FreeholdErrors) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except playbook_run.StoppedError as stopped:
        print(f"stopped by {stopped}; the same command goes on from here", file=sys.stderr)
        return 128 + stopped.number
    print(json.dumps(recap, sort_keys=True))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m freehold.fleet.converge", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--host", required=True, help="a host of the document")
    parser.add_argument(
        "--remove", action="store_true", help="stop and remove what was deployed; weights and data stay"
    )
    parser.add_argument("--peers", action="store_true", help="only introduce it to its peers; nothing restarts")
    parser.add_argument("--purge", action="store_true", help="with --remove: weights and data go too")
    return parser.parse_args(arguments)


def _request(options: argparse.Namespace, stdin: TextIO) -> Request:
    purpose = documents.REMOVE if options.remove else documents.PEERS if options.peers else documents.CONVERGE
    fleet, credentials = fed.read(stdin, purpose)
    if options.host not in {host["name"] for host in fleet["hosts"]}:
        known = ", ".join(host["name"] for host in fleet["hosts"])
        raise UsageError("HOST_UNKNOWN", options.host, "not in the document", expected=known)
    purge = options.remove and (options.purge or os.environ.get(PURGE, "").lower() in {"1", "yes", "true"})
    state = record.state_folder(fleet["site"]["name"])
    return Request(options.host, fleet, state, purpose, purge=purge, credentials=credentials)


if __name__ == "__main__":
    sys.exit(main())
