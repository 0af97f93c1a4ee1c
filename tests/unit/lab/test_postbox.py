"""What reaches the lab's operator is a file: a mail as it came, with its envelope, and what the web hook was sent."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.ports import free_port

from freehold.lab.operator import server

LIMIT_SECONDS = 20


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    mail, hook = free_port(), free_port()
    task = {"address": "127.0.0.1", "mail_port": mail, "hook_port": hook, "folder": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-m", "freehold.lab.operator.server", json.dumps(task)])
    try:
        yield mail, hook
    finally:
        process.terminate()
        assert process.wait(LIMIT_SECONDS) == 0


def client(port: int) -> smtplib.SMTP:
    until = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=5)
        except OSError:
            assert time.monotonic() < until, "the mail server did not come up"


def test_a_mail_and_a_hook_become_files(ports: tuple[int, int], tmp_path: Path) -> None:
    mail, hook = ports
    message = EmailMessage()
    message["Subject"] = "found"
    message.set_content("expected")
    with client(mail) as connection:
        connection.send_message(message, "freehold@lab.internal", ["operator@lab.internal"])
    kept = (tmp_path / "mail/000001.eml").read_text(encoding="utf-8")
    assert kept.startswith("X-Envelope: freehold@lab.internal to operator@lab.internal")
    assert "Subject: found" in kept
    with urllib.request.urlopen(f"http://127.0.0.1:{hook}/alerts", data=b'{"alerts": []}', timeout=5) as answer:
        assert answer.status == 200
    assert (tmp_path / "hooks/000001.json").read_bytes() == b'{"alerts": []}'
    big = urllib.request.Request(f"http://127.0.0.1:{hook}/", data=b"x", headers={"content-length": "9999999"})
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(big, timeout=5)  # noqa: S310  our own loopback


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    server.Tray(tmp_path, ".json").put(b"1")
    server.Tray(tmp_path, ".json").put(b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.json", "000002.json"]
