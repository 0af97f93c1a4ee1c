"""Prometheus, Alertmanager, the dead man's switch and a mail server, all real: a dead Prometheus is told by mail."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ports import free_port
from tests.unit.dead_mans_switch.conftest import Mailbox, mail, read
from tests.unit.keys import party
from tests.unit.monitor import prometheus
from tests.unit.monitor.processes import running, until, words
from tests.unit.roles.role import Role

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.service import Switch
from freehold.dead_mans_switch.settings import Settings
from freehold.dead_mans_switch.store import Store
from freehold.dead_mans_switch.watch import Patience
from freehold.keys.files import KeysFolder

SILENCE_SECONDS = 3.0
SILENT = "[Freehold] monitor mon1 is silent: alerts do not reach you"
ALERTMANAGER_STATE = "/var/lib/freehold/alertmanager"


@pytest.fixture
def switch(tmp_path: Path, mailbox: Mailbox, keys: KeysFolder) -> Iterator[tuple[Switch, int]]:
    """The switch on gpu2, short of patience; and where beats arrive."""
    own = party.holder(keys, "gpu2", tmp_path / "gpu2")
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


def alertmanager(folder: Path, tls: Path, port: int, switch_port: int) -> list[str]:
    """Alertmanager with the role's own settings, made impatient."""
    (folder / "inhibitions.yml").write_text("inhibit_rules: []\n")
    role = Role(
        "alertmanager",
        {
            "alertmanager_listen_port": port,
            "alertmanager_inhibitions_file": str(folder / "inhibitions.yml"),
            "alertmanager_dead_mans_switch_url": f"https://{party.HOST}:{switch_port}/beat",
            "alertmanager_dead_mans_switch_repeat": "1s",
            "alertmanager_tls_folder": str(tls),
        },
    )
    text = role.render("alertmanager.yml.j2").replace("group_interval: 10s", "group_interval: 1s")
    text = text.replace("/run/credentials/prometheus-alertmanager.service", str(tls))
    (folder / "alertmanager.yml").write_text(text.replace("/etc/freehold/alertmanager", str(folder)))
    (folder / "freehold.tmpl").write_text(role.render("freehold.tmpl.j2"))
    changed = {"/etc/freehold/alertmanager": str(folder), ALERTMANAGER_STATE: str(folder / "alertmanager")}
    return words(role, "prometheus-alertmanager.service.j2", changed)


def test_a_dead_prometheus_is_told_by_mail(
    tmp_path: Path, switch: tuple[Switch, int], mailbox: Mailbox, page: int, mon1: Path
) -> None:
    (made, beats), ports = switch, (free_port(), free_port())
    target = {"job": "node", "node": "gpu1", "address": f"{party.HOST}:{page}"}
    watcher = prometheus.command(tmp_path, mon1, ports[0], [target], f"{party.HOST}:{ports[1]}")
    with running(alertmanager(tmp_path, mon1, ports[1], beats), tmp_path / "alertmanager.log"):
        with running(watcher, tmp_path / "prometheus.log"):
            until(lambda: made.watch.heard()["mon1"].last_beat_unix is not None, "a beat")
            until(lambda: prometheus.value(ports[0], "up") == "1", "the page was read")
            before = len(mailbox.mails)
        # Before the first beat it was silent, too: mail of that, and of its end, may be among those before.
        until(lambda: SILENT in mailbox.subjects[before:], "mail of the silence")
        assert made.watch.heard()["mon1"].silent
