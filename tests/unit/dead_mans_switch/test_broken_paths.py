"""What breaks a path, the disk or the state must not keep the operator from being told, nor tell him without end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dead_mans_switch.conftest import REPEAT, SILENCE, Mailbox, Time, deliver, mail, read, serving

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.message import Message
from freehold.dead_mans_switch.outbox import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Outbox
from freehold.dead_mans_switch.service import Switch
from freehold.dead_mans_switch.store import Store
from freehold.dead_mans_switch.watch import Event
from freehold.errors import PartialError

Make = Callable[..., Switch]
SILENT = "[Freehold] monitor mon1 is silent: alerts do not reach you"
PATIENCE_SECONDS = 10.0
BACK = "[Freehold] monitor mon1 is back"


@dataclass
class OneRefused(Mailbox):
    """Knows one of two recipients."""

    asked: list[str] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  aiosmtpd's name
        self.asked.append(address)
        if address.startswith("left"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def one_refused() -> Iterator[Mailbox]:
    yield from serving(OneRefused())


@dataclass
class Way:
    """A path that does what a test wants."""

    name: str = "odd"
    error: Exception | None = None
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)


def _silent(made: Switch, time: Time, seconds: float = SILENCE) -> None:
    time.pass_(seconds)
    made.tick()
    deliver(made, time)


def _message() -> Message:
    return Message(Event("silent", "mon1", 300.0, None), "gpu2")


def test_one_recipient_who_is_unknown_does_not_fill_the_others_mailbox(
    switch: Make, time: Time, one_refused: Mailbox, said: list[str]
) -> None:
    two = {"to": ["ops@example.org", "left@example.org"]}
    made = switch(mail=mail(one_refused.port, **two))
    _silent(made, time)
    for _ in range(20):
        time.pass_(LONGEST_PAUSE_SECONDS / 2)
        deliver(made, time)
    assert one_refused.subjects == [SILENT]
    assert any("left@example.org" in line for line in said)
    page = made.page().decode()
    assert 'notifications_total{path="mail",outcome="sent"} 1\n' in page
    assert 'notifications_total{path="mail",outcome="failed"} 1\n' in page


def test_a_test_names_the_recipient_who_was_refused(one_refused: Mailbox, tmp_path: Path) -> None:
    settings = read(tmp_path, mail=mail(one_refused.port, to=["ops@example.org", "left@example.org"]))
    with pytest.raises(PartialError, match=r"left@example\.org"):
        service.test(settings.ways, "gpu2")


@pytest.mark.parametrize("secret", ["pässword", "", "\x07"])
def test_a_password_that_cannot_be_sent_is_an_error_of_its_own_path(
    secure_mailbox: Mailbox, tmp_path: Path, said: list[str], secret: str
) -> None:
    (tmp_path / "mail-password").write_text(secret)
    given = {"tls": "starttls", "user": "ops", "credential": "mail-password", "ca_file": str(tmp_path / "mail/ca.crt")}
    (way,) = read(tmp_path, mail=mail(secure_mailbox.port, **given)).ways
    box = Outbox(way, said.append)
    box.put(_message())
    box.step(0.0)
    assert (box.outcomes["failed"], box.waiting()) == (1, 1)
    assert any("mail-password" in line for line in said)
    assert not secret or all(secret not in line for line in said)


def test_a_token_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    from freehold.dead_mans_switch.paths import read_secret  # noqa: PLC0415

    (tmp_path / "token").write_text("the-token\nX-Injected: yes\n")
    assert read_secret(tmp_path / "token") == "the-token"


def test_a_path_that_breaks_in_an_unforeseen_way_ends_no_thread_and_quotes_no_secret(said: list[str]) -> None:
    way, stop = Way(error=ValueError("Invalid header value b'Bearer s3cret'")), threading.Event()
    box = Outbox(way, said.append)
    box.put(_message())
    box.step(0.0)
    assert (box.outcomes["failed"], box.waiting()) == (1, 1)
    assert "ValueError" in said[0]
    assert "s3cret" not in said[0]
    way.error = None
    box.step(FIRST_PAUSE_SECONDS)
    assert (len(way.sent), box.waiting(), stop.is_set()) == (1, 0, False)


def test_a_disk_that_hangs_keeps_nobody_from_being_heard_or_told(
    switch: Make, time: Time, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, hangs, mended = switch(), threading.Event(), threading.Event()

    def save(_store: object, _heard: object) -> None:
        hangs.set()
        mended.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(Store, "save", save)
    made.beat("mon1")
    writing = threading.Thread(target=made.keep, daemon=True)
    writing.start()
    assert hangs.wait(PATIENCE_SECONDS)
    (box,) = made.outboxes
    time.pass_(SILENCE)
    made.tick()
    box.step(time.monotonic)
    made.beat("mon1")
    box.step(time.monotonic)
    assert writing.is_alive()
    assert mailbox.subjects == [SILENT, BACK]
    mended.set()
    writing.join(PATIENCE_SECONDS)


@pytest.mark.parametrize("ahead", [1e12, float("nan"), float("inf")])
def test_a_damaged_time_that_lies_ahead_does_not_put_a_silence_off(
    switch: Make, time: Time, mailbox: Mailbox, tmp_path: Path, ahead: float
) -> None:
    row = {"since": ahead, "last_beat_unix": None, "silent": False, "told": ahead, "delivered": False}
    (tmp_path / "monitors.json").write_text(json.dumps({"boot": "boot-1", "monitors": {"mon1": row}}))
    _silent(switch(), time)
    assert mailbox.subjects == [SILENT]


def test_a_switch_that_restarts_again_and_again_still_finds_a_monitor_that_was_never_heard(
    switch: Make, time: Time, mailbox: Mailbox
) -> None:
    for _ in range(4):
        _silent(switch(), time, SILENCE / 4)
    assert mailbox.subjects == [SILENT]


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_that_a_monitor_is_back_is_not_forgotten_over_a_restart(
    switch: Make, time: Time, mailbox: Mailbox, boot: str
) -> None:
    before = switch()
    _silent(before, time)
    mailbox.refuses = True
    before.beat("mon1")
    deliver(before, time)
    mailbox.refuses = False
    after = switch(boot=boot)
    after.beat("mon1")
    _silent(after, time, 1)
    assert mailbox.subjects == [SILENT, BACK]
    again = switch(boot=boot)
    _silent(again, time, 1)
    assert mailbox.subjects == [SILENT, BACK]


def test_a_monitor_that_is_silent_again_is_not_said_to_be_back_after_a_restart(
    switch: Make, time: Time, mailbox: Mailbox
) -> None:
    before = switch()
    mailbox.refuses = True
    _silent(before, time)
    before.beat("mon1")
    _silent(before, time)
    mailbox.refuses = False
    _silent(switch(), time, 1)
    assert mailbox.subjects == ["[Freehold] monitor mon1 is still silent"]


def test_a_slow_path_that_takes_an_old_message_does_not_make_the_new_silence_told(
    switch: Make, time: Time, mailbox: Mailbox
) -> None:
    made = switch()
    made.beat("mon1")
    time.pass_(SILENCE)
    (old,) = made.watch.due(time.monotonic)
    made.beat("mon1")
    time.pass_(SILENCE)
    made.watch.due(time.monotonic)
    made.watch.delivered(old)
    assert not made.watch.heard()["mon1"].delivered
    (new,) = [event for event in [*made.watch.due(time.monotonic + REPEAT)] if event.kind == "still silent"]
    made.watch.delivered(new)
    assert made.watch.heard()["mon1"].delivered
    assert mailbox.mails == []
