"""The root's passphrase: asked for, or read from a file; never an argument, never an environment variable."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Protocol

from freehold.errors import RefusedError

SHORTEST = 12
"""Characters. scrypt makes a guess cost a tenth of a second; twelve characters of anybody's choice still need it."""


class Passphrase(Protocol):
    """Gets the passphrase; ``new`` where it is being chosen."""

    def __call__(self, *, new: bool) -> str:
        """The passphrase; raises :class:`RefusedError` where there is none."""


def from_file(path: Path) -> Passphrase:
    """The first line of ``path``, which only its owner may read."""

    def read(*, new: bool) -> str:
        try:
            if path.stat().st_mode & 0o077:
                raise _refused(str(path), f"mode {path.stat().st_mode & 0o777:04o}", "chmod 600 it")
            text = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise _refused(str(path), error.strerror or str(error), "name a file that can be read") from error
        return _judged(text[0] if text else "", str(path), new=new)

    return read


def asked(of: str = "the root") -> Passphrase:
    """Ask on the terminal, twice where it is new, and once in a run."""
    known: list[str] = []

    def ask(*, new: bool) -> str:
        if not known:
            known.append(_judged(_ask(of, new=new), f"passphrase of {of}", new=new))
        return known[0]

    return ask


def once(passphrase: Passphrase, *, new: bool) -> Passphrase:
    """Get it now, and give the same from then on: for work under a lock, where nobody may be asked."""
    text = passphrase(new=new)
    return lambda *, new: text  # noqa: ARG005  the form of Passphrase


def _ask(of: str, *, new: bool) -> str:
    if not sys.stdin.isatty():
        raise _refused(f"passphrase of {of}", "no terminal to ask on", "--passphrase-file FILE")
    first = getpass.getpass(f"Passphrase of {of}: ")
    if new and getpass.getpass("Once more: ") != first:
        raise _refused("the passphrase", "two different ones", "type the same twice")
    return first


def _judged(text: str, subject: str, *, new: bool) -> str:
    if not text or (new and len(text) < SHORTEST):
        raise _refused(subject, f"{len(text)} characters", f"choose at least {SHORTEST}")
    return text


def _refused(subject: str, found: str, fix: str) -> RefusedError:
    return RefusedError("KEYS_PASSPHRASE_MISSING", subject, found, expected="a passphrase", fix=fix)
