"""Ansible callback: a run by hand takes the lock of each host of a play, as a converge by Pulumi does."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ansible import context  # type: ignore[import-untyped]
from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]

from freehold.errors import LockedError
from freehold.fleet import lock, record

DOCUMENTATION = """
name: freehold_lock
type: notification
short_description: One run a node at a time
description:
  - At the start of a play takes the lock of each of its hosts that came from a fleet document, and ends the run with
    exit status 6 when somebody else holds one. Locks that the parent process holds already are left to it.
  - C(--check) and the C(--list) options take none.
  - It is always on where its folder is known, so that a list of other callbacks in the environment does not unlock.
  - Sets the environment variable FREEHOLD_HOLDER, from which the mark on the node is made.
  - Ansible's workers end with it, also when it is killed with C(-9).
"""

_PR_SET_PDEATHSIG = 1


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible carries no types
    """Lives in the main process; descriptors stay open until the run's last process has ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "freehold_lock"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self.playbook = "a playbook"
        self.taken: dict[str, int] = {}
        os.register_at_fork(after_in_child=_ends_with(os.getpid()))

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Keep the playbook's name, for whoever finds the lock held."""
        self.playbook = Path(playbook._file_name).name  # noqa: SLF001  Ansible has no public name for it

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Take what the play needs and is not held yet, or end the run before its first task."""
        if context.CLIARGS.get("check"):
            return
        variables = play.get_variable_manager()
        # Host names and the site, by the folder that their locks are in.
        wanted: dict[Path, list[str]] = {}
        for host in variables._inventory.get_hosts(play.hosts):  # noqa: SLF001  the same
            known = variables.get_vars(play=play, host=host)
            fleet = known.get("freehold_fleet")
            if "freehold_host" in known and isinstance(fleet, Mapping):  # variables of a test may be templates still
                state = record.state_folder(str(fleet["site"]["name"]))
                wanted.setdefault(state, []).append(host.get_name())
        errors = [error for state, hosts in wanted.items() for error in self._take(state, hosts)]
        if errors:
            _refuse(errors)

    def _take(self, state: Path, hosts: list[str]) -> list[LockedError]:
        from_parent = [host for host in hosts if lock.inherited(state, host)]
        purpose = f"ansible-playbook {self.playbook}"
        missing = [host for host in hosts if host not in from_parent and host not in self.taken]
        taken, errors = lock.take_all(state, sorted(missing), purpose)
        self.taken.update(taken)
        # The mark on the node is made from it: a task reads it with the `env` lookup.
        os.environ[lock.HOLDER] = json.dumps(lock.holder(state, purpose), sort_keys=True)
        return errors


def _refuse(errors: list[LockedError]) -> NoReturn:
    """Ansible catches every `Exception` of a callback and goes on with a warning; this one ends the run."""
    for error in errors:
        print(error, file=sys.stderr)
    sys.exit(LockedError.exit_code)


def _ends_with(parent: int) -> Callable[[], None]:
    """A hook for each fork of ``parent``: the kernel ends the child when ``parent`` is killed.

    Workers are in sessions of their own, where no signal to a process group finds them. SIGTERM, because a worker then
    ends its own ssh too.
    """
    libc = ctypes.CDLL(None)

    def hook() -> None:
        if os.getppid() == parent:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it was killed before the kernel knew
                os._exit(1)

    return hook
