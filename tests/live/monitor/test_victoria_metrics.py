"""VictoriaMetrics with the arguments of its unit."""

from pathlib import Path

from tests.live.monitor.processes import get, running, until, words
from tests.ports import free_port
from tests.unit.roles.role import Role


def test_it_starts_with_the_arguments_of_its_unit(tmp_path: Path) -> None:
    port = free_port()
    changed = {"/var/lib/freehold/victoria-metrics": str(tmp_path / "data")}
    argv = words(
        Role("victoria_metrics", {"victoria_metrics_listen_port": port}), "victoria-metrics.service.j2", changed
    )
    with running(argv, tmp_path / "log"):
        until(lambda: get(f"http://127.0.0.1:{port}/health") == "OK", "it answers")
        flags = get(f"http://127.0.0.1:{port}/flags")
    assert '-retentionPeriod="13"' in flags
    assert "-dedup.minScrapeInterval=" in flags
