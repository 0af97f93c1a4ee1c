"""What a node is now, as plain data: files, units, packages, kernel settings, firewall, accounts. Judges nothing.

It runs on the node with the standard library alone. No content of a file is kept: digests, modes, owners.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM_SECONDS = 60
SYSCTL_FOLDER = "/etc/sysctl.d/"
DPKG_STATUS = "/var/lib/dpkg/status"
FIELDS = {"passwd": 7, "group": 3}
"""Fields that an entry needs, of passwd(5) and, without the list of members, group(5)."""


def run(words: Sequence[str]) -> str:
    """Run a program in the plain locale and return its standard output; raises when it fails."""
    done = subprocess.run(
        words, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False, timeout=PROGRAM_SECONDS
    )
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Machine(NamedTuple):
    """The world that is read: a root folder, and how programs are run."""

    root: Path = Path("/")
    run: Callable[[Sequence[str]], str] = run

    def path(self, name: str) -> Path:
        """The file that ``name``, an absolute path, is here."""
        return self.root / name.lstrip("/")


def file(machine: Machine, name: str, algorithm: str = "sha256") -> dict[str, str]:
    """Kind, digest, mode and owner of a file, or the target of a link; empty where there is nothing."""
    path = machine.path(name)
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return {"kind": "link", "target": str(path.readlink())}
        found = {"mode": f"{stat.S_IMODE(status.st_mode):04o}", "owner": _owner(status)}
        if stat.S_ISDIR(status.st_mode):
            return {"kind": "directory", **found}
        return {"kind": "file", "digest": f"{algorithm}:{digest(path, algorithm)}", **found}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's content; of a device or a pipe only its kind counts."""
    if not path.is_file():
        return "none"
    return hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest()


def _owner(status: os.stat_result) -> str:
    """``user:group`` by name, by number where there is no name."""
    try:
        user = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        user = str(status.st_uid)
    try:
        return f"{user}:{grp.getgrgid(status.st_gid).gr_name}"
    except KeyError:
        return f"{user}:{status.st_gid}"


def packages(machine: Machine, names: Iterable[str]) -> dict[str, str]:
    """Installed version by package, with `` held`` behind it; empty where it is not installed (deb-control(5))."""
    text = b"\n\n" + machine.path(DPKG_STATUS).read_bytes() + b"\n\n"
    return {name: _package(text, name) for name in names}


def _package(text: bytes, name: str) -> str:
    start = text.find(f"\n\nPackage: {name}\n".encode())
    if start < 0:
        return ""
    stanza = text[start + 2 : text.index(b"\n\n", start + 2)].decode()
    fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
    want, _, state = fields["Status"].split()
    if state != "installed":
        return ""
    return fields["Version"] + (" held" if want == "hold" else "")


def sysctl_wanted(machine: Machine, files: Iterable[str]) -> dict[str, str]:
    """Keys and values that files of /etc/sysctl.d ask for; no optional ones that the kernel lacks (sysctl.d(5))."""
    paths = [path for path in map(machine.path, files) if path.is_file()]
    lines = (line.strip() for path in paths for line in _text(path).splitlines())
    rows = (line.partition("=") for line in lines if "=" in line and line[0] not in "#;")
    found = {key.strip(): " ".join(value.split()) for key, _, value in rows}
    there = {key: value for key, value in found.items() if key[0] != "-" or _known(machine, key[1:])}
    return {key.lstrip("-"): value for key, value in there.items()}


def _known(machine: Machine, key: str) -> bool:
    return sysctl_path(machine, key).exists()


def sysctl_path(machine: Machine, key: str) -> Path:
    """The file of a kernel setting."""
    return machine.path("/proc/sys/" + key.replace(".", "/"))


def sysctl(machine: Machine, keys: Iterable[str]) -> dict[str, str]:
    """Live values; empty where the kernel has no such setting, or shows none."""
    found = {}
    for key in keys:
        try:
            found[key] = " ".join(sysctl_path(machine, key).read_text(encoding="ascii").split())
        except (OSError, ValueError):  # one that nobody may read, or a folder
            found[key] = ""
    return found


def accounts(machine: Machine, names: Iterable[str]) -> dict[str, str]:
    """``user NAME`` and ``group NAME`` to what their entries say; empty where there is none. Passwords stay unread."""
    tables = {kind: _table(machine, kind, count) for kind, count in FIELDS.items()}
    found = {}
    for name in names:
        kind, _, bare = name.partition(" ")
        fields = tables["passwd" if kind == "user" else "group"].get(bare)
        found[name] = "" if not fields else _user(fields) if kind == "user" else f"number {fields[2]}"
    return found


def _table(machine: Machine, kind: str, count: int) -> dict[str, list[str]]:
    """Entries by name; a line with too few fields is none, as for the C library."""
    rows = (line.split(":") for line in _text(machine.path(f"/etc/{kind}")).splitlines())
    return {row[0]: row for row in rows if len(row) >= count}


def _text(path: Path) -> str:
    """A file that people edit, in whatever encoding they did."""
    return path.read_text(encoding="utf-8", errors="replace")


def _user(fields: list[str]) -> str:
    return f"number {fields[2]}, group {fields[3]}, home {fields[5]}, shell {fields[6]}"


def observe(machine: Machine, wanted: dict[str, Any]) -> dict[str, Any]:
    """Everything that a baseline names, as it is now, in the baseline's own shape."""
    from freehold.drift import firewall, units  # noqa: PLC0415  they read with what is above

    algorithms = {name: told.get("digest", "sha256:").partition(":")[0] for name, told in wanted["files"].items()}
    return {
        "files": {name: file(machine, name, algorithm) for name, algorithm in algorithms.items()},
        "units": units.read(machine, wanted["units"], wanted["files"]),
        "packages": packages(machine, wanted["packages"]),
        "sysctl": sysctl(machine, wanted["sysctl"]),
        "firewall": firewall.live(machine) if wanted["firewall"] else {},
        "accounts": accounts(machine, wanted["accounts"]),
    }
