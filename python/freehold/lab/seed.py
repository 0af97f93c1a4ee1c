"""What an installer would have written on one bare server: name, addresses, host key, the operator's key.

Plus its "hardware": eight H200s, as a simulated NVML library and its state file.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from freehold.lab.plan import Plan
from freehold.process import Runner

NVML_LIBRARY = "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
NVML_STATE = "etc/freehold-simulation/nvml.state"
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
MACHINE_ID_BYTES = 16


@dataclass(frozen=True)
class SeedFile:
    """One file of the node; ``path`` is relative to its root."""

    path: str
    text: str
    mode: int = 0o644


def seed_files(plan: Plan, name: str, operator_key: str, machine_id: str) -> list[SeedFile]:
    """The files of the server ``name``. No gateway, no name server: it has no way out."""
    return [
        SeedFile("etc/hostname", f"{name}\n"),
        SeedFile("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n"),
        SeedFile("etc/machine-id", f"{machine_id}\n", 0o444),
        SeedFile("root/.ssh/authorized_keys", f"{operator_key.strip()}\n", 0o600),
        SeedFile(
            "etc/systemd/network/10-host0.network",
            _network("host0", f"{plan.node_address(name)}/{plan.management.prefixlen}"),
        ),
        SeedFile(
            "etc/systemd/network/10-lan0.network",
            _network("lan0", f"{plan.serve_address(name)}/{plan.client.prefixlen}"),
        ),
    ]


def write_seed(root: Path, files: list[SeedFile]) -> None:
    """Write the files below ``root``; new folders are root's alone only where SSH insists."""
    for file in files:
        target = root / file.path
        target.parent.mkdir(mode=0o700 if target.parent.name == ".ssh" else 0o755, parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")
        target.chmod(file.mode)


def new_machine_id() -> str:
    """A machine id as systemd wants it: 32 hexadecimal digits."""
    return secrets.token_hex(MACHINE_ID_BYTES)


def ensure_key(runner: Runner, path: Path, comment: str) -> str:
    """An Ed25519 key pair at ``path``, made if it is missing; returns the public line without its comment."""
    public = path.with_name(path.name + ".pub")
    if not public.is_file():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a private half without its public one is from a run that was cut off
        runner(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    return " ".join(public.read_text(encoding="ascii").split()[:2])


def host_key(root: Path) -> str | None:
    """The server's public host key, read where its console or BMC would show it; None before it is born."""
    public = root / f"{HOST_KEY}.pub"
    return " ".join(public.read_text(encoding="ascii").split()[:2]) if public.is_file() else None


def install_hardware(root: Path, library: Path, state: str) -> None:
    """Put the GPUs in. The library is replaced whole, as running programs may have it mapped; the state is kept."""
    target = root / NVML_LIBRARY
    if not target.is_file() or target.read_bytes() != library.read_bytes():
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".nvml-", delete=False) as draft:
            shutil.copyfile(library, draft.name)
        Path(draft.name).chmod(0o644)
        Path(draft.name).rename(target)
    if not (root / NVML_STATE).is_file():
        write_seed(root, [SeedFile(NVML_STATE, state)])


def _network(card: str, address: str) -> str:
    return (
        f"[Match]\nName={card}\n\n[Network]\nAddress={address}\nDHCP=no\nIPv6AcceptRA=no\n"
        "# No Gateway and no DNS: this server has no route to the internet.\n"
    )
