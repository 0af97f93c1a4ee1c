"""Half an hour of a healthy lab under light load: no alert waits or fires but the proof of life."""

from __future__ import annotations

import time

from tests.lab.monitor import Monitor
from tests.lab.steady import steady
from tests.lab.waiting import until
from tests.lab.world import Document

from freehold.status.gather import Access

SECONDS = 30 * 60
SETTLED_SECONDS = 10 * 60  # what other tests left goes out of the windows of the rules
PAUSE_SECONDS = 15
MIX = ("plain", "models", "messages", "embeddings")


def test_no_alert_fires_on_a_healthy_lab(monitor: Monitor, document: Document, access: Access) -> None:
    urls = [f"http://{host['serve_address']}:{document['gateway']['port']}" for host in document["hosts"]]
    until(lambda: sorted(monitor.firing()) == ["FreeholdDeadMansSwitch"], "quiet", SETTLED_SECONDS)
    end, looks = time.monotonic() + SECONDS, 0
    with steady(document, access.client_key, urls, name="quiet", mix=MIX, per_second=0.5):
        while time.monotonic() < end:
            assert sorted(monitor.firing()) == ["FreeholdDeadMansSwitch"]
            looks += 1
            time.sleep(PAUSE_SECONDS)
    assert looks > SECONDS / PAUSE_SECONDS / 2
