"""Prometheus, Alertmanager, the dead man's switch and a mail server, all real: a dead Prometheus is told by mail."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.monitor import alertmanager, prometheus
from tests.live.monitor.processes import running, until
from tests.ports import free_port
from tests.unit.dead_mans_switch.conftest import Mailbox, mail, read
from tests.unit.keys import party

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.service import Switch
from freehold.dead_mans_switch.settings import Settings
from freehold.dead_mans_switch.store import Store
from freehold.dead_mans_switch.watch import Patience
from freehold.keys.files import KeysFolder

SILENCE_SECONDS = 3.0
SILENT = "[Freehold] monitor mon1 is silent: alerts do not reach you"


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


def test_a_dead_prometheus_is_told_by_mail(
    tmp_path: Path, switch: tuple[Switch, int], mailbox: Mailbox, page: int, mon1: Path
) -> None:
    (made, beats), ports = switch, (free_port(), free_port())
    target = {"job": "node", "node": "gpu1", "address": f"{party.HOST}:{page}"}
    watcher = prometheus.command(tmp_path, mon1, ports[0], [target], f"{party.HOST}:{ports[1]}")
    switch_url = {"alertmanager_dead_mans_switch_url": f"https://{party.HOST}:{beats}/beat"}
    teller = alertmanager.command(tmp_path, mon1, ports[1], **switch_url)
    with running(teller, tmp_path / "alertmanager.log"):
        with running(watcher, tmp_path / "prometheus.log"):
            until(lambda: made.watch.heard()["mon1"].last_beat_unix is not None, "a beat")
            until(lambda: prometheus.value(ports[0], "up") == "1", "the page was read")
            before = len(mailbox.mails)
        # Before the first beat it was silent, too: mail of that, and of its end, may be among those before.
        until(lambda: SILENT in mailbox.subjects[before:], "mail of the silence")
        assert made.watch.heard()["mon1"].silent
