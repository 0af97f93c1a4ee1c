"""What a probe of drift costs the control host: ``python tests/bench/drift_probe.py 100``.

One real sshd answers on as many loopback addresses as there are nodes, with what a node's agent would say. Measured
are wall time and the processor time of this process and of its OpenSSH clients. What sshd takes is shown apart: in a
fleet that is the nodes' own, here it shares the cores and so is in the wall time.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tests.conformance import sshd

from freehold import ssh
from freehold.drift import probe

ROUNDS = 5
ANSWER = {"generation": 3, "baseline": True, "unfinished": False, "items": []}
EVERY_ADDRESS = sshd.CONFIGURATION.replace("ListenAddress 127.0.0.1", "ListenAddress 0.0.0.0")
CONFIGURATION = f"{EVERY_ADDRESS}ForceCommand cat > /dev/null; echo '{{json}}'\n".replace(
    "{json}", json.dumps(ANSWER).replace("{", "{{").replace("}", "}}")
)


def processor_seconds() -> float:
    """Of this process and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(hosts: list[Mapping[str, Any]], key: Path) -> tuple[float, float]:
    """Wall and processor seconds of one probe of all."""
    began, used = time.monotonic(), processor_seconds()
    found = probe.run({"hosts": hosts}, key)
    wall, processor = time.monotonic() - began, processor_seconds() - used
    assert all(one.clean for one in found.values()), [one.error for one in found.values() if not one.clean][:3]
    return wall, processor


def main(count: int) -> None:
    """Print a row of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as name, mock.patch.object(sshd, "CONFIGURATION", CONFIGURATION):
        folder = Path(name)
        server = sshd.start(folder)
        try:
            hosts: list[Mapping[str, Any]] = [
                {"name": f"n{n}", "address": f"127.0.1.{n}", "port": server.port, "host_key": server.host_key}
                for n in range(1, count + 1)
            ]
            with mock.patch.dict(ssh.command.__kwdefaults__, {"user": server.user}):
                rounds = [measure(hosts, folder / "user_key") for _ in range(ROUNDS)]
        finally:
            used = processor_seconds()
            server.process.terminate()
            server.process.wait()
    for what, values in zip(("wall", "processor"), zip(*rounds, strict=True), strict=True):
        print(f"{what}: {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f}), {count} hosts")
    print(f"sshd, in the place of the nodes: {(processor_seconds() - used) / ROUNDS:.2f} s of processor a round")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
