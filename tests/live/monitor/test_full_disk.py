"""A Prometheus that cannot write goes on answering, and its beat ends: alerts over old samples are worth nothing."""

import re
import resource
from pathlib import Path

from tests.live.monitor import prometheus
from tests.live.monitor.processes import get, running, until
from tests.ports import free_port
from tests.unit.keys import party

BEAT = ["FreeholdDeadMansSwitch"]


def test_what_cannot_be_written_ends_the_beat_and_space_brings_it_back(tmp_path: Path, mon1: Path, page: int) -> None:
    """No file may grow: to Prometheus that is a disk without space, and it needs no disk of its own to be shown."""
    port = free_port()
    target = {"job": "node", "node": "gpu1", "address": f"{party.HOST}:{page}"}
    with running(prometheus.command(tmp_path, mon1, port, [target]), tmp_path / "prometheus.log") as process:
        until(lambda: prometheus.firing(port) == BEAT, "it beats")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        until(lambda: prometheus.firing(port) == [], "it beats no more")
        assert get(f"http://{party.HOST}:{port}/-/ready").startswith("Prometheus Server is Ready")
        (failed,) = re.findall(r"^prometheus_tsdb_wal_writes_failed_total (.*)$", page_of(port), re.MULTILINE)
        assert float(failed) > 0
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: prometheus.firing(port) == BEAT, "it beats again")


def page_of(port: int) -> str:
    return get(f"http://{party.HOST}:{port}/metrics")
