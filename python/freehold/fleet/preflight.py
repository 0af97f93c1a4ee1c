"""The second preflight: visit every host before any change, and bring home all that is wrong, together.

Nothing is written on a host. A host key other than the pinned one ends the visit before anything is said.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, RefusedError, UnknownStateError, raise_all
from freehold.fleet import facts, host_keys, lock, record
from freehold.fleet.keypath import set_command

CONNECT_SECONDS = 8.0
FACTS_SECONDS = 15.0
AT_ONCE = 16


@dataclass(frozen=True)
class Visit:
    """One host to be visited: an entry of the fleet document's ``hosts``."""

    name: str
    address: str
    port: int
    user: str
    host_key: str
    index: int = 0

    @classmethod
    def of(cls, host: Mapping[str, Any], index: int) -> Visit:
        """The visit of the host entry at ``index``, which a remedy names."""
        return cls(host["name"], host["address"], host["port"], host["user"], host["host_key"], index)


Reader = Callable[[Visit, Path], str]
"""Connects, runs the facts script, returns its output; raises :class:`FreeholdError`."""


Clock = Callable[[], float]
"""UNIX seconds of this control host."""


def run(
    document: Mapping[str, Any],
    private_key: Path,
    *,
    hosts: Sequence[str] | None = None,
    read: Reader | None = None,
    state: Path | None = None,
    clock: Clock = time.time,
) -> dict[str, facts.Facts]:
    """Visit ``hosts``, in parallel and within a time limit; raise all errors together. Default: all not in maintenance.

    ``state`` is the folder of this control host's locks: a host that another run works on is refused too.
    """
    locks = state or record.state_folder(document["site"]["name"])
    visits = [Visit.of(host, index) for index, host in enumerate(document["hosts"])]
    named = set(hosts) if hosts is not None else set(awake(document))
    chosen = [visit for visit in visits if visit.name in named]
    wanted = facts.needs(document)
    ask = _Ask(private_key, read or read_over_ssh, wanted, locks, clock)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        results = list(pool.map(ask, chosen))
    found = {visit.name: told for visit, (told, _) in zip(chosen, results, strict=True) if told}
    errors = [*(e for _, errors in results for e in errors), *_judge_certificates(document, found)]
    raise_all([*lock.look(locks, [visit.name for visit in chosen]), *errors])
    return found


def _judge_certificates(document: Mapping[str, Any], found: Mapping[str, facts.Facts]) -> list[FreeholdError]:
    """What the converge of one node would refuse when the nodes before it have been changed."""
    from freehold.keys import presented  # noqa: PLC0415  pulls in what only a control host has

    shown = {name: told.pem for name, told in found.items()}
    return presented.judge(Path(document["keys"]["folder"]).expanduser(), document["site"]["name"], shown)


def awake(document: Mapping[str, Any]) -> list[str]:
    """Names of the hosts that nobody set aside: one in maintenance may be off, and is dialled only by its name."""
    return [host["name"] for host in document["hosts"] if not host.get("maintenance")]


@dataclass(frozen=True)
class _Ask:
    """What is the same for every visit of a run."""

    private_key: Path
    read: Reader
    wanted: facts.Needs
    locks: Path
    clock: Clock

    def __call__(self, visit: Visit) -> tuple[facts.Facts | None, list[FreeholdError]]:
        before = self.clock()
        try:
            found = facts.parse(self.read(visit, self.private_key), visit.name)
        except FreeholdError as error:
            return None, [error]
        ahead = facts.skew(found.clock, before, self.clock())
        errors = [*facts.judge(visit.name, found, self.wanted), *facts.judge_clock(visit.name, ahead)]
        return found, [*errors, *lock.elsewhere(self.locks, visit.name, found.mark)]


def read_over_ssh(visit: Visit, private_key: Path) -> str:
    """The real :data:`Reader`."""
    return execute(visit, private_key, facts.visit_script())


def execute(visit: Visit, private_key: Path, command: str) -> str:
    """Run ``command`` on a host; what it printed, or a :class:`FreeholdError` in the words of the user's world."""
    with _errors(visit), connection(visit, private_key) as opened:
        result = opened.run(command, hide=True, warn=True, in_stream=False, timeout=FACTS_SECONDS)
        if not result.ok:
            raise _unknown(visit, f"exit status {result.exited}: {result.stderr.strip()[-200:]}")
        return str(result.stdout)


@contextlib.contextmanager
def connection(visit: Visit, private_key: Path) -> Iterator[Any]:
    """A fabric connection that trusts the pinned key only and reads no SSH configuration of the user's."""
    import fabric  # type: ignore[import-untyped]  # noqa: PLC0415  half a second that other commands need not spend
    import paramiko  # noqa: PLC0415

    config = fabric.Config(ssh_config=paramiko.SSHConfig())
    opened = fabric.Connection(
        visit.address,
        user=visit.user,
        port=visit.port,
        config=config,
        connect_timeout=int(CONNECT_SECONDS),
        connect_kwargs={
            "key_filename": str(private_key),
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": CONNECT_SECONDS,
            "auth_timeout": CONNECT_SECONDS,
        },
    )
    _pin(opened.client, visit)
    try:
        yield opened
    finally:
        opened.close()


def _pin(client: Any, visit: Visit) -> None:
    import paramiko  # noqa: PLC0415

    name = host_keys.known_hosts_name(visit.address, visit.port)
    client.get_host_keys().clear()
    kind, text = visit.host_key.split()[:2]
    client.get_host_keys().add(name, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(text)))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())


@contextlib.contextmanager
def _errors(visit: Visit) -> Iterator[None]:
    """Say what went wrong in the words of the user's world."""
    import invoke  # noqa: PLC0415
    import paramiko  # noqa: PLC0415

    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise _changed_key(visit, f"{error.key.get_name()} {error.key.get_base64()}") from error
    except paramiko.AuthenticationException as error:
        raise RefusedError(
            "HOST_LOGIN",
            visit.name,
            f"{visit.user}@{visit.address} does not accept the operator's key",
            expected="a login with the key of fleet:access.private_key_file",
            fix=f"ssh-copy-id -i KEY.pub -p {visit.port} {visit.user}@{visit.address}",
        ) from error
    except (invoke.exceptions.CommandTimedOut, paramiko.SSHException, OSError, EOFError) as error:
        raise _unreachable(visit, error) from error


def _changed_key(visit: Visit, found: str) -> RefusedError:
    return RefusedError(
        "HOST_KEY_CHANGED",
        visit.name,
        f"{visit.address} shows {host_keys.fingerprint(found)} ({found.split(maxsplit=1)[0]})",
        expected=f"{host_keys.fingerprint(visit.host_key)} ({visit.host_key.split()[0]}), as pinned",
        why="either the server was installed anew, or something between answers in its place",
        fix="compare with the server's own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); "
        f"only if they agree, pin the new one: {set_command(('hosts', visit.index, 'host_key'), 'ssh-ed25519 AAAA…')}",
    )


def _unreachable(visit: Visit, error: BaseException) -> UnknownStateError:
    return UnknownStateError(
        "HOST_UNREACHABLE",
        visit.name,
        f"{visit.address} port {visit.port}: {error or type(error).__name__}",
        expected=f"an SSH server that answers within {CONNECT_SECONDS:.0f} s",
        fix="power it on, check cable, address and firewall",
    )


def _unknown(visit: Visit, found: str) -> UnknownStateError:
    return UnknownStateError(
        "HOST_FACTS_UNREADABLE", visit.name, found, expected="the command to end with 0", fix="log in and look"
    )
