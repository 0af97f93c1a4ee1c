"""The lab's stack configuration, made from the nodes that were raised and the bundle that was built."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from freehold.fleet.settings import NAMESPACE
from freehold.paths import PROJECT
from freehold.process import Runner, run

STACK = "lab"
STACK_FOLDER = PROJECT / "stacks" / "fleet"
HEADER = "# Made by `make up`; `make down` removes it. A stack of your own begins with Pulumi.example.yaml.\n"

# The figures that the documentation compares with: an 8-GPU node of $300,000 over 4 years, 10.2 kW under load and 35 %
# of that when idle, PUE 1.3, $0.20 a kWh. They price a real H200 node; the lab's GPUs are simulated, and say so.
PRICES: Mapping[str, Any] = {
    "currency": "USD",
    "electricity_per_kwh": 0.20,
    "node_purchase": 300000,
    "years": 4,
    "pue": 1.3,
    "node_idle_watts": 3570,
    "source": "reference case of the documentation, not a quotation",
    "as_of": "2026-11-21",
}


@dataclass(frozen=True)
class LabNode:
    """A node that the lab raised. ``host_key`` is the line ``type base64`` of its SSH host key."""

    name: str
    address: str
    serve_address: str
    host_key: str


def render(
    nodes: Sequence[LabNode],
    *,
    bundle_url: str,
    bundle_folder: Path,
    bundle_key_file: Path,
    private_key_file: Path,
    keys_folder: Path,
    mesh_network: str,
    models: Sequence[Mapping[str, Any]],
    prices: Mapping[str, Any] = PRICES,
    probe_targets: Sequence[str],
    frontier: Mapping[str, Any],
    monitoring: Mapping[str, Any],
    gateway_port: int = 8080,
) -> dict[str, Any]:
    """The plain part of ``config:``; secrets are set through the Pulumi CLI, which encrypts them."""
    sections = {
        "site": STACK,
        "simulated": ["gpu", "frontier"],
        "bundle": {"url": bundle_url, "folder": str(bundle_folder), "key_file": str(bundle_key_file)},
        "access": {"private_key_file": str(private_key_file)},
        "hosts": [_host(node) for node in nodes],
        "models": [dict(model) for model in models],
        "gateway": {"port": gateway_port},
        "frontier": dict(frontier),
        "monitoring": dict(monitoring),
        "keys": {"folder": str(keys_folder)},
        "mesh": {"network": mesh_network},
        # A canary, then all the others: a lab has no clients that would miss them.
        "rolling": {"batch_size": 20},
        "prices": dict(prices),
        "sovereignty": {"probe_targets": list(probe_targets)},
    }
    return {f"{NAMESPACE}:{key}": value for key, value in sections.items()}


def _host(node: LabNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "address": node.address,
        "serve_address": node.serve_address,
        "host_key": node.host_key,
        "gpus": 8,
        "gpu_model": "NVIDIA H200",
    }


def configure_stack(
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    env: Mapping[str, str],
    stamp: Path,
    stack: str = STACK,
    folder: Path = STACK_FOLDER,
    runner: Runner = run,
) -> bool:
    """Make stack and stack file say ``config`` and ``secrets`` (key path to value); tell if that took work.

    ``env`` is the toolchain's environment for Pulumi. ``stamp`` is a file in the lab's folder: while it fits, nothing
    is run. Without it the stack file is of a lab that is gone (its passphrase too), and is made anew.
    """
    file = folder / f"Pulumi.{stack}.yaml"
    wanted = _stamp(config, secrets, env)
    if file.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted + _digest(file):
        return False
    if not stamp.is_file():
        file.unlink(missing_ok=True)
    pulumi = _pulumi(env)
    select = [pulumi, "stack", "select", stack, "--create", "--non-interactive", "--secrets-provider", "passphrase"]
    runner(select, cwd=folder, env=env)
    write_plain(file, config)
    for key, value in secrets.items():
        # From standard input: an argument is in the process list for everyone to read.
        words = [pulumi, "config", "set", "--secret", "--path", f"{NAMESPACE}:{key}", "--stack", stack]
        runner([*words, "--non-interactive"], cwd=folder, env=env, stdin=value)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted + _digest(file), encoding="utf-8")
    return True


def write_plain(file: Path, config: Mapping[str, Any]) -> None:
    """Replace the plain values of a stack file; the salt and what is encrypted stay."""
    before = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}
    kept = (before.get("config") or {}).items()
    sealed = {key: value for key, value in kept if key not in config and "secure" in str(value)}
    text = yaml.safe_dump({**before, "config": {**config, **sealed}}, sort_keys=False, allow_unicode=True, width=1000)
    file.write_text(HEADER + text, encoding="utf-8")


def _pulumi(env: Mapping[str, str]) -> str:
    """The program by its full path: the PATH that counts is the child's, not ours."""
    return shutil.which("pulumi", path=env.get("PATH")) or "pulumi"


def _stamp(config: Mapping[str, Any], secrets: Mapping[str, str], env: Mapping[str, str]) -> str:
    """A digest of what is asked for. The secrets have 256 random bits, so their digest tells nothing."""
    backend = env.get("PULUMI_BACKEND_URL", "")
    text = yaml.safe_dump([dict(config), dict(secrets), backend], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
