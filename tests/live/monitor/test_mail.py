"""What a real Alertmanager mails: over STARTTLS, with a password, in plain words, and not what follows from another."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live.monitor import alertmanager
from tests.live.monitor.processes import get, running, until
from tests.ports import free_port
from tests.unit.dead_mans_switch.conftest import Mailbox, serving_securely
from tests.unit.keys import party

from freehold.keys.files import KeysFolder

DOWN = {"alertname": "FreeholdNodeDown", "severity": "critical", "node": "gpu1", "fleet": "rack1"}
FOLLOWS = {**DOWN, "alertname": "FreeholdGatewayDown"}
SAID = {
    "summary": "gpu1 does not answer",
    "description": "Found: no answer for 2m. Expected: one each 15 s.",
    "runbook_url": "docs/runbooks/FreeholdNodeDown.md",
}


@pytest.fixture
def secure_mailbox(keys: KeysFolder, tmp_path: Path) -> Iterator[Mailbox]:
    yield from serving_securely(keys, tmp_path)


def post(port: int, *alerts: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"http://{party.HOST}:{port}/api/v2/alerts",
        json.dumps(alerts).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  loopback
        assert answer.status == 200


def test_an_alert_and_its_end_are_mailed_and_what_follows_from_it_is_not(
    tmp_path: Path, mon1: Path, secure_mailbox: Mailbox
) -> None:
    (mon1 / "mail-password").write_text("correct")
    mail = {"smarthost": f"{party.HOST}:{secure_mailbox.port}", "from": "fleet@example.org", "to": ["ops@example.org"]}
    mail |= {"user": "ops", "credential": "mail-password", "ca_file": str(tmp_path / "mail" / "ca.crt")}
    port = free_port()
    with running(alertmanager.command(tmp_path, mon1, port, alertmanager_mail=mail), tmp_path / "log"):
        until(lambda: get(f"http://{party.HOST}:{port}/-/ready") == "OK", "it answers")
        post(port, {"labels": DOWN, "annotations": SAID})
        post(port, {"labels": FOLLOWS, "annotations": {"summary": "follows"}})
        until(lambda: bool(secure_mailbox.mails), "mail of the alert")
        post(port, {"labels": DOWN, "annotations": SAID, "endsAt": "2020-01-01T00:00:00Z"})
        until(
            lambda: "[Freehold rack1] over: gpu1 does not answer (FreeholdNodeDown)" in secure_mailbox.subjects,
            "mail of its end",
        )
    (first, *_) = secure_mailbox.mails
    assert first["Subject"] == "[Freehold rack1] critical: gpu1 does not answer (FreeholdNodeDown)"
    assert first.get_content_type() in {"text/plain", "multipart/alternative"}
    body = first.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert all(line in text for line in SAID.values())
    assert "silence add -d 2h -c 'why' alertname=FreeholdNodeDown" in text


def test_a_subject_says_which_of_many_and_one_without_words_names_its_node(
    tmp_path: Path, mon1: Path, mailbox: Mailbox
) -> None:
    mail = {"smarthost": f"{party.HOST}:{mailbox.port}", "from": "fleet@example.org", "to": ["ops@example.org"]}
    port, two = free_port(), {**DOWN, "node": "gpu2"}
    with running(
        alertmanager.command(tmp_path, mon1, port, alertmanager_mail=mail | {"tls": "none"}), tmp_path / "log"
    ):
        until(lambda: get(f"http://{party.HOST}:{port}/-/ready") == "OK", "it answers")
        post(port, {"labels": DOWN, "annotations": SAID}, {"labels": two, "annotations": SAID})
        post(port, {"labels": {"alertname": "Own", "node": "gpu3", "fleet": "rack1"}})
        both = "[Freehold rack1] critical: gpu1 does not answer; 2 in all (FreeholdNodeDown)"
        until(lambda: both in mailbox.subjects, "mail of both")
        until(lambda: "[Freehold rack1] Own on gpu3 (Own)" in mailbox.subjects, "mail of somebody's own alert")
