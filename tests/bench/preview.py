"""What `pulumi preview` of a large fleet costs: ``python tests/bench/preview.py 100``; the lab must be up.

The program, the engine and the plugin are the real ones; the hosts do not exist, and a preview of hosts that never
converged dials nobody. What the probe of drift adds for those that did is measured by ``drift_probe.py``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.fleet import pulumi_environment
from freehold.paths import PROJECT

STACK_FOLDER = PROJECT / "stacks" / "fleet"
NETWORK = "10.85.0.0/16"
RESOURCES = 5  # of a node: the component and its four commands


def host(number: int) -> dict[str, Any]:
    """A host with a key of its own."""
    public = Ed25519PrivateKey.generate().public_key()
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    place = f"{number // 200}.{number % 200 + 10}"
    return {
        "name": f"rack{number}",
        "address": f"198.18.{place}",
        "serve_address": f"198.19.{place}",
        "host_key": line,
    }


def configuration(count: int) -> dict[str, Any]:
    """The lab's stack, with ``count`` other hosts."""
    stack: dict[str, Any] = yaml.safe_load((STACK_FOLDER / "Pulumi.lab.yaml").read_text(encoding="utf-8"))
    stack["config"]["fleet:hosts"] = [host(number) for number in range(1, count + 1)]
    stack["config"]["fleet:mesh"] = {"network": NETWORK}
    stack["config"]["fleet:rolling"] = {"batch_size": 10}
    return stack


def main(count: int) -> None:
    """Print a row of docs/benchmarks.md."""
    variables = pulumi_environment.variables(pulumi_environment.lab_folders(), lambda _: None)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "Pulumi.lab.yaml"
        file.write_text(yaml.safe_dump(configuration(count)), encoding="utf-8")
        words = ["pulumi", "preview", "--stack", "lab", "--non-interactive", "--config-file", str(file)]
        environment = {**os.environ, **variables, "FREEHOLD_STATE": name}
        began = time.monotonic()
        done = subprocess.run(words, cwd=STACK_FOLDER, env=environment, capture_output=True, text=True, check=False)
        wall = time.monotonic() - began
    assert f"{count * RESOURCES} to create" in done.stdout.replace("+ ", ""), done.stdout[-2000:] + done.stderr[-2000:]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{count} hosts: {wall:.1f} s wall, {processor:.1f} s processor, {megabytes:.0f} MB in the largest process")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
