"""The root file system of a bare server: Debian with systemd and sshd, and nothing of ours, not even Python.

It is built once by mmdebstrap from this machine's own Debian sources and kept in the cache as a tar archive, named by a
digest of what it was built from. A lab unpacks it into its own folder, where it lies under every node's overlay.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import RefusedError
from freehold.process import Runner
from freehold.steps import Report

SUITE = "bookworm"
# Signs the archive, its updates and its security updates; both here and on the node from debian-archive-keyring.
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What an installer leaves on a server that somebody ordered with SSH.
PACKAGES = ("dbus", "iproute2", "openssh-server", "sudo", "systemd", "systemd-sysv")
# A recipe number, raised by hand when the hooks below change what comes out.
RECIPE = 1
# How this machine gets to its archives (proxies, retries); the rest of its apt settings is its own business.
TRANSPORT = re.compile(r"Acquire::(https?|ftp|Retries|Check-Date|Check-Valid-Until|ForceIPv[46])\b", re.IGNORECASE)
BUILD_LIMIT_SECONDS = 900
WORK_PREFIX = ".work-"

# Run by mmdebstrap with the new root as $1. Host keys and the machine id are each node's own; the sources stay, as on
# any server, but not what it takes to get through this machine's proxy.
FINISH = (
    'rm -f "$1"/etc/ssh/ssh_host_*',
    ': > "$1"/etc/machine-id',
    'rm -f "$1"/etc/resolv.conf; umask 022; : > "$1"/etc/resolv.conf',
    'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
    'sed -i -E "s#//[^/@[:space:]]+@#//#" "$1"/etc/apt/sources.list.d/*',
    'chroot "$1" systemctl --quiet enable systemd-networkd.service',
)


@dataclass(frozen=True)
class Source:
    """One suite of an archive, as `apt-get indextargets` knows it."""

    uri: str
    release: str

    def line(self) -> str:
        """The line of sources.list for it."""
        return f"deb [signed-by={KEYRING}] {self.uri} {self.release} main"


def recipe_digest() -> str:
    """What decides the content, apart from the day's package versions: a cached root is good until this changes."""
    recipe = {"recipe": RECIPE, "suite": SUITE, "packages": PACKAGES, "finish": FINISH}
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def archive_path(cache: Path) -> Path:
    """Where the archive is cached."""
    return cache / "rootfs" / f"{SUITE}-{recipe_digest()}.tar"


def build_archive(runner: Runner, cache: Path, report: Report) -> Path:
    """Build the archive unless it is cached; a build that is cut off leaves nothing under the final name."""
    archive = archive_path(cache)
    if archive.is_file():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    sources = read_sources(runner)
    report(f"mmdebstrap {SUITE}: {len(PACKAGES)} packages and what they need")
    with _work_folder(archive.parent) as work:
        _mmdebstrap(runner, work, sources)
        (work / "root.tar").rename(archive)
    return archive


def unpack(runner: Runner, archive: Path, folder: Path, report: Report) -> Path:
    """The archive's content in ``folder``/DIGEST, complete or not there at all."""
    root = folder / archive.stem
    if root.is_dir():
        return root
    report(f"unpacking {archive.name}")
    # Set-user-ID programs of an unpatched Debian lie in there: nobody but root may get at them.
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with _work_folder(folder) as work:
        inner = work / "root"
        inner.mkdir(mode=0o755)
        runner(["tar", "--extract", "--file", archive, "--directory", inner, "--numeric-owner", "--same-permissions"])
        inner.rename(root)
    return root


def read_sources(runner: Runner) -> list[Source]:
    """This machine's Debian archives for the suite, whatever format they are written in."""
    fields = "|".join(f"$({name})" for name in ("ORIGIN", "CODENAME", "COMPONENT", "REPO_URI", "RELEASE"))
    asking = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    sources = parse_sources(runner(asking).stdout)
    if not sources:  # nobody has downloaded the lists yet
        runner(["apt-get", "update"])
        sources = parse_sources(runner(asking).stdout)
    if not any(source.release == SUITE for source in sources):
        raise RefusedError(
            "LAB_NO_DEBIAN_SOURCE",
            "/etc/apt",
            f"no package lists of Debian {SUITE} main",
            expected=f"an apt source of Debian {SUITE}, and its lists downloaded",
            why="the nodes' root file system is made from this machine's own sources",
            fix="mend /etc/apt/sources.list.d; `apt-get update` must succeed",
        )
    return sources


def parse_sources(output: str) -> list[Source]:
    """Debian's own main suites (release, updates, security) from ``ORIGIN|CODENAME|COMPONENT|REPO_URI|RELEASE``."""
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    found: dict[Source, None] = {}
    for line in output.splitlines():
        origin, codename, component, uri, release = line.split("|")
        if origin == "Debian" and codename in wanted and component == "main":
            found[Source(uri, release)] = None
    return list(found)


def transport_settings(dump: str) -> str:
    """The lines of `apt-config dump` that mmdebstrap's apt needs to get through; empty values are only headings."""
    lines = dump.splitlines()
    return "".join(f"{line}\n" for line in lines if TRANSPORT.match(line) and not line.endswith(' "";'))


def _mmdebstrap(runner: Runner, work: Path, sources: Iterable[Source]) -> None:
    listed, settings = work / "sources.list", work / "apt.conf"
    listed.write_text("".join(f"{source.line()}\n" for source in sources), encoding="utf-8")
    settings.write_text(transport_settings(runner(["apt-config", "dump"]).stdout), encoding="utf-8")
    hooks = [f"--customize-hook={hook}" for hook in FINISH]
    options = ["--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}", f"--aptopt={settings}", *hooks]
    command = ["mmdebstrap", *options, SUITE, str(work / "root.tar"), str(listed)]
    # mmdebstrap mounts /proc and /sys in the new root. In a mount namespace of its own they go when it is killed.
    alone = ["unshare", "--mount", "--propagation", "private"]
    runner([*alone, *command], env={"TMPDIR": str(work)}, timeout=BUILD_LIMIT_SECONDS)


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """A folder on the same file system, so that the result can be renamed into its place; removed in the end."""
    for abandoned in parent.glob(f"{WORK_PREFIX}*"):
        _remove_abandoned(abandoned)
    work = Path(tempfile.mkdtemp(prefix=f"{WORK_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_abandoned(work: Path) -> None:
    """The folder of a run that was killed; another run may be at work beside this one, in a folder with its pid."""
    pid = work.name.removeprefix(WORK_PREFIX).partition("-")[0]
    if not Path("/proc", pid).exists():
        shutil.rmtree(work, ignore_errors=True)
