"""One Prometheus that scrapes so many fake nodes, and what it and its remote store take meanwhile."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.gateway.processes import rss_megabytes, running
from tests.ports import free_port
from tests.programs import program

JOBS = ("node", "gpu", "gateway", "runtime")
SCRAPE = "15s"


@dataclass(frozen=True)
class Cost:
    """Of one program over the window."""

    cores: float
    rss_mb: float


@dataclass(frozen=True)
class Found:
    """One step; ``store`` is the remote one's, where there is one."""

    nodes: int
    series: float
    samples_per_second: float
    prometheus: Cost
    store: Cost | None

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def victoria_words(folder: Path, port: int) -> Sequence[str]:
    """Debian's victoria-metrics, on loopback; a tenth of the memory for its caches, since the machine is shared."""
    words = [program("victoria-metrics"), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"]
    return [*words, "-retentionPeriod=100y", "-memory.allowedPercent=10"]


def step(nodes: int, folder: Path, *, remote: bool, warm_seconds: float, seconds: float) -> Found:
    """Scrape ``nodes`` for a while; the figures are those of the last ``seconds``."""
    folder.mkdir(parents=True)
    ports = {name: free_port() for name in ("targets", "prometheus", "victoria")}
    with ExitStack() as stack:
        words = [sys.executable, "-m", "tests.bench.prometheus_sizing.targets", str(ports["targets"]), str(folder)]
        stack.enter_context(running(words, ports["targets"], folder / "targets.log"))
        store = None
        if remote:
            words = [*victoria_words(folder / "victoria", ports["victoria"])]
            store = stack.enter_context(running(words, ports["victoria"], folder / "victoria.log"))
        config = configuration(nodes, ports["targets"], ports["victoria"] if remote else None)
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        own = stack.enter_context(
            running(_prometheus(folder, ports["prometheus"]), ports["prometheus"], folder / "log")
        )
        time.sleep(warm_seconds)
        return _measured(nodes, f"http://127.0.0.1:{ports['prometheus']}/metrics", own, store, seconds)


def _prometheus(folder: Path, port: int) -> Sequence[str]:
    words = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return [*words, f"--storage.tsdb.path={folder / 'data'}"]


def _measured(nodes: int, url: str, own: int, store: int | None, seconds: float) -> Found:
    pids = [own] if store is None else [own, store]
    before, counted, began = [_cpu(pid) for pid in pids], _value(url, SAMPLES), time.monotonic()
    time.sleep(seconds)
    wall = time.monotonic() - began
    costs = [Cost((_cpu(pid) - spent) / wall, rss_megabytes(pid)) for pid, spent in zip(pids, before, strict=True)]
    rate = (_value(url, SAMPLES) - counted) / wall
    return Found(nodes, _value(url, SERIES), rate, costs[0], costs[1] if store is not None else None)


SAMPLES, SERIES = 'prometheus_tsdb_head_samples_appended_total{type="float"}', "prometheus_tsdb_head_series"


def _value(url: str, series: str) -> float:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  loopback
        lines = answer.read().decode().splitlines()
    names = (series, series.partition("{")[0])  # before native histograms it had no label
    return float(next(line.split()[-1] for line in lines if line.rpartition(" ")[0] in names))


def _cpu(pid: int) -> float:
    return time.clock_gettime(~pid << 3 | 2)


def configuration(nodes: int, targets: int, remote: int | None) -> dict[str, object]:
    """Jobs and labels as on a monitor; the path says which fake node is asked."""
    jobs = [
        {
            "job_name": job,
            "static_configs": [
                {"targets": [f"127.0.0.1:{targets}"], "labels": {"node": node, "__metrics_path__": f"/{node}/{job}"}}
                for node in (f"gpu{number}" for number in range(nodes))
            ],
            "relabel_configs": [{"source_labels": ["node"], "target_label": "instance", "replacement": "$1:9100"}],
        }
        for job in JOBS
    ]
    settings: dict[str, object] = {"global": {"scrape_interval": SCRAPE}, "scrape_configs": jobs}
    if remote is not None:
        settings["remote_write"] = [{"url": f"http://127.0.0.1:{remote}/api/v1/write"}]
    return settings
