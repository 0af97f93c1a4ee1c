"""Facts about this machine that decide whether a lab can be raised on it. Reading only; preflight judges."""

from __future__ import annotations

import os
import platform
import shutil
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from freehold.lab import mounts
from freehold.lab.mounts import Mount
from freehold.process import Runner

LISTENING = "0A"
# In namespaces of their own, so that nothing of it is left, whatever happens.
TRY_OVERLAY = (
    "mount -t tmpfs none /mnt && cd /mnt && mkdir lower upper work root && "
    "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none root"
)
TRY_LINKS = "ip link add fh-try-a type veth peer name fh-try-b && ip link add fh-try-c type bridge"


@dataclass(frozen=True)
class Route:
    """One line of the routing table; the default route is left out."""

    interface: str
    network: IPv4Network


@dataclass(frozen=True)
class Machine:
    """``…_trouble`` is what a trial said, empty if it succeeded; ``bridged_rules`` are iptables' for bridged frames."""

    root: bool
    system: str
    architecture: str
    memory_bytes: int
    mounts: tuple[Mount, ...]
    routes: tuple[Route, ...]
    listeners: tuple[tuple[str, int], ...]
    programs: frozenset[str]
    overlay_trouble: str
    links_trouble: str
    bridged_rules: str


def read(runner: Runner, programs: tuple[str, ...], root: Path = Path("/")) -> Machine:
    """Look at everything once; trials only as root, as they can only fail otherwise."""
    proc = root / "proc"
    is_root = os.geteuid() == 0
    tables = [proc / "net/tcp", proc / "net/tcp6"]
    return Machine(
        root=is_root,
        system=_system(_text(root / "etc/os-release")),
        architecture=platform.machine(),
        memory_bytes=memory_bytes(_text(proc / "meminfo")),
        mounts=tuple(mounts.parse(_text(proc / "self/mountinfo"))),
        routes=tuple(routes(_text(proc / "net/route"))),
        listeners=tuple(listener for table in tables for listener in listeners(_text(table))),
        programs=frozenset(name for name in programs if shutil.which(name, path=_path())),
        overlay_trouble=_try(runner, "--mount", TRY_OVERLAY) if is_root else "",
        links_trouble=_try(runner, "--net", TRY_LINKS) if is_root and shutil.which("ip", path=_path()) else "",
        bridged_rules=_bridged_rules(runner, _text(proc / "sys/net/bridge/bridge-nf-call-iptables")),
    )


def memory_bytes(meminfo: str) -> int:
    """``MemTotal`` of /proc/meminfo, in bytes; 0 where it does not say."""
    lines = [line.split() for line in meminfo.splitlines() if line.startswith("MemTotal:")]
    return int(lines[0][1]) * 1024 if lines else 0


def routes(table: str) -> list[Route]:
    """Parse /proc/net/route: addresses are hexadecimal in the machine's byte order."""
    rows = [line.split() for line in table.splitlines()[1:]]
    found = [Route(row[0], IPv4Network((_native(row[1]), _bits(row[7])))) for row in rows]
    return [route for route in found if route.network.prefixlen]


def listeners(table: str) -> list[tuple[str, int]]:
    """Parse /proc/net/tcp or tcp6 into (address, port) of what listens; any IPv6 address but the wildcard is '::1'."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [_endpoint(row[1]) for row in rows if row[3] == LISTENING]


def free_bytes(path: Path) -> tuple[int, int]:
    """The device that ``path`` is or will be on, and the bytes that are free there."""
    there = next(each for each in (path, *path.parents) if each.exists())
    return there.stat().st_dev, shutil.disk_usage(there).free


def _endpoint(text: str) -> tuple[str, int]:
    address, port = text.split(":")
    if len(address) == len("00000000"):
        return str(IPv4Address(_native(address))), int(port, 16)
    return ("::" if not int(address, 16) else "::1"), int(port, 16)


def _native(text: str) -> bytes:
    return struct.pack("=I", int(text, 16))


def _bits(mask: str) -> int:
    return int(mask, 16).bit_count()


def _system(release: str) -> str:
    pairs = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    return f"{pairs.get('ID', '?')} {pairs.get('VERSION_ID', '?')}".replace('"', "")


def _try(runner: Runner, namespace: str, script: str) -> str:
    done = runner(["unshare", namespace, "sh", "-c", script], check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"


def _bridged_rules(runner: Runner, switch: str) -> str:
    if switch.strip() != "1" or not shutil.which("iptables", path=_path()):
        return ""
    return runner(["iptables", "-S", "FORWARD"], check=False).stdout


def _path() -> str:
    """A user's PATH often lacks the folders of root's programs."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
