"""Prometheus, Alertmanager, the dead man's switch and a mail server, all real: a dead Prometheus is told by mail."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ports import free_port
from tests.unit.dead_mans_switch.conftest import Mailbox, mail, read, serving
from tests.unit.door.conftest import running as serving_pages
from tests.unit.keys import party
from tests.unit.monitor.processes import get, running, until, words
from tests.unit.roles.role import Role

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.service import Switch
from freehold.dead_mans_switch.settings import Settings
from freehold.dead_mans_switch.store import Store
from freehold.dead_mans_switch.watch import Patience
from freehold.exporter.server import Server
from freehold.keys import sealed

SILENCE_SECONDS = 3.0
RULES = """groups:
  - name: beat
    rules:
      - alert: FreeholdDeadMansSwitch
        expr: vector(1)
        labels: {severity: none}
"""
ALERTMANAGER_STATE, PROMETHEUS_STATE = "/var/lib/freehold/alertmanager", "/var/lib/freehold/prometheus"


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", 16)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    yield from serving(Mailbox())


@pytest.fixture
def page() -> Iterator[int]:
    yield from serving_pages(Server((party.HOST, 0), {"/metrics": lambda: b"node_load1 0.5\n"}))


def tls_folder(own: Path) -> Path:
    """As role tls names things."""
    (own / "node.crt").symlink_to("tls.crt")
    return own


@pytest.fixture
def switch(tmp_path: Path, mailbox: Mailbox) -> Iterator[tuple[Switch, int]]:
    """The switch on gpu2, short of patience; and where beats arrive. ``mon1`` has its certificate."""
    keys = party.hierarchy(tmp_path / "pki", tmp_path / "secret")
    own = party.holder(keys, "gpu2", tmp_path / "gpu2")
    tls_folder(party.holder(keys, "mon1", tmp_path / "mon1", kind="monitor"))
    port = free_port()
    found = read(tmp_path, mail=mail(mailbox.port), listen=f"{party.HOST}:{port}")
    settings = Settings(found.listen, found.metrics, found.monitors, Patience(SILENCE_SECONDS), found.ways)
    store = Store(tmp_path / "monitors.json", "boot", print)
    made, stop = Switch(settings, store, service.real_world("gpu2", print)), threading.Event()
    thread = threading.Thread(target=service.serve, args=(made, settings, party.files(own), stop), daemon=True)
    thread.start()
    yield made, port
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def alertmanager(folder: Path, port: int, switch_port: int) -> list[str]:
    """Alertmanager with the role's own settings, made impatient."""
    (folder / "inhibitions.yml").write_text("inhibit_rules: []\n")
    role = Role(
        "alertmanager",
        {
            "alertmanager_listen_port": port,
            "alertmanager_inhibitions_file": str(folder / "inhibitions.yml"),
            "alertmanager_dead_mans_switch_url": f"https://{party.HOST}:{switch_port}/beat",
            "alertmanager_dead_mans_switch_repeat": "1s",
            "alertmanager_tls_folder": str(folder / "mon1"),
        },
    )
    text = role.render("alertmanager.yml.j2").replace("group_interval: 10s", "group_interval: 1s")
    text = text.replace("/run/credentials/prometheus-alertmanager.service", str(folder / "mon1"))
    (folder / "alertmanager.yml").write_text(text.replace("/etc/freehold/alertmanager", str(folder)))
    (folder / "freehold.tmpl").write_text(role.render("freehold.tmpl.j2"))
    changed = {"/etc/freehold/alertmanager": str(folder), ALERTMANAGER_STATE: str(folder / "alertmanager")}
    return words(role, "prometheus-alertmanager.service.j2", changed)


def prometheus(folder: Path, port: int, alertmanager_port: int, page: int) -> list[str]:
    """Prometheus with the role's own settings, made impatient; the page stands for a node's."""
    role = Role(
        "prometheus",
        {
            "prometheus_listen_port": port,
            "prometheus_scrape_interval": "1s",
            "prometheus_scrape_timeout": "1s",
            "prometheus_evaluation_interval": "1s",
            "prometheus_alertmanagers": [f"{party.HOST}:{alertmanager_port}"],
            "prometheus_targets": [{"job": "node", "node": "gpu1", "address": f"{party.HOST}:{page}"}],
            "prometheus_tls_folder": str(folder / "mon1"),
        },
    )
    text = role.render("prometheus.yml.j2").replace("/run/credentials/prometheus.service", str(folder / "mon1"))
    (folder / "prometheus.yml").write_text(text.replace("/etc/freehold/prometheus", str(folder)))
    (folder / "rules").mkdir()
    (folder / "rules" / "beat.yml").write_text(RULES)
    changed = {
        "/etc/freehold/prometheus": str(folder),
        PROMETHEUS_STATE: str(folder / "history"),
        "resend-delay=30s": "resend-delay=1s",
    }
    return words(role, "prometheus.service.j2", changed)


def test_a_dead_prometheus_is_told_by_mail(
    tmp_path: Path, switch: tuple[Switch, int], mailbox: Mailbox, page: int
) -> None:
    (made, beats), ports = switch, (free_port(), free_port())
    watcher = prometheus(tmp_path, ports[0], ports[1], page)
    with running(alertmanager(tmp_path, ports[1], beats), tmp_path / "alertmanager.log"):
        with running(watcher, tmp_path / "prometheus.log"):
            until(lambda: made.watch.heard()["mon1"].last_beat_unix is not None, "a beat")
            until(lambda: value(ports[0], "up") == "1", "the page was read")
            before = len(mailbox.mails)
        until(lambda: len(mailbox.mails) > before, "mail of the silence")
        assert mailbox.subjects[-1] == "[Freehold] monitor mon1 is silent: alerts do not reach you"
        assert made.watch.heard()["mon1"].silent


def value(port: int, query: str) -> str:
    """An instant value in a Prometheus that may be coming up still."""
    text = get(f"http://{party.HOST}:{port}/api/v1/query?query={query}")
    found = json.loads(text)["data"]["result"] if text else []
    return str(found[0]["value"][1]) if found else ""
