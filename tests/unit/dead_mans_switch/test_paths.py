"""Mail and web hooks: real servers take the message, and what is not taken is tried again."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dead_mans_switch.conftest import SILENCE, Mailbox, Time, deliver, mail, read
from tests.unit.keys import party

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.outbox import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Outbox
from freehold.dead_mans_switch.service import Switch
from freehold.errors import PartialError
from freehold.keys.files import KeysFolder

Make = Callable[..., Switch]


@dataclass
class Hooked:
    """A web hook that answers with ``status``."""

    status: int = 204
    url: str = ""
    posted: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    told = Hooked()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.posted.append((dict(self.headers), json.loads(body)))
            self.send_response(told.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer((party.HOST, 0), Handler)
    told.url = f"http://{party.HOST}:{server.server_port}/alerts?to=ops"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)


def silent(made: Switch, time: Time) -> None:
    time.pass_(SILENCE)
    made.tick()
    deliver(made, time)


def test_both_paths_are_tried(switch: Make, time: Time, mailbox: Mailbox, hooked: Hooked) -> None:
    made = switch(webhooks=[{"name": "pager", "url": hooked.url}])
    silent(made, time)
    assert len(mailbox.mails) == 1
    ((_, body),) = hooked.posted
    assert (body["event"], body["monitor"], body["silent_seconds"]) == ("silent", "mon1", SILENCE)


def test_a_path_that_fails_does_not_hold_up_the_other(
    switch: Make, time: Time, mailbox: Mailbox, hooked: Hooked
) -> None:
    mailbox.refuses = True
    made = switch(webhooks=[{"name": "pager", "url": hooked.url}])
    silent(made, time)
    assert len(hooked.posted) == 1
    page = made.page().decode()
    assert 'freehold_dead_mans_switch_notifications_total{path="mail",outcome="failed"} 1' in page
    assert 'freehold_dead_mans_switch_notifications_total{path="pager",outcome="sent"} 1' in page
    assert 'freehold_dead_mans_switch_notifications_waiting{path="mail"} 1' in page


def test_what_was_not_taken_is_tried_again_with_bounded_pauses(
    switch: Make, time: Time, mailbox: Mailbox, said: list[str]
) -> None:
    mailbox.refuses = True
    made = switch()
    silent(made, time)
    (box,) = made.outboxes
    pauses: list[float] = []
    before = time.monotonic
    while len(pauses) < 9:
        time.pass_(1)
        tries = box.outcomes["failed"]
        deliver(made, time)
        if box.outcomes["failed"] > tries:
            pauses.append(time.monotonic - before)
            before = time.monotonic
    assert pauses[:4] == [FIRST_PAUSE_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert any("451" in line for line in said)
    mailbox.refuses = False
    time.pass_(LONGEST_PAUSE_SECONDS)
    deliver(made, time)
    assert len(mailbox.mails) == 1
    assert box.waiting() == 0


def test_the_newest_message_of_a_monitor_takes_the_place_of_the_older(
    switch: Make, time: Time, mailbox: Mailbox
) -> None:
    mailbox.refuses = True
    made = switch()
    silent(made, time)
    made.beat("mon1")
    mailbox.refuses = False
    deliver(made, time)
    assert mailbox.subjects == ["[Freehold] monitor mon1 is back"]


def test_mail_by_starttls_with_a_password_from_a_credential(
    secure_mailbox: Mailbox, tmp_path: Path, switch: Make, time: Time
) -> None:
    (tmp_path / "mail-password").write_text("correct\n")
    given = {"tls": "starttls", "user": "ops", "credential": "mail-password", "ca_file": str(tmp_path / "mail/ca.crt")}
    silent(switch(mail=mail(secure_mailbox.port, **given)), time)
    assert len(secure_mailbox.mails) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"server_name": "mail.example.org"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"ca_file": ""}, "CERTIFICATE_VERIFY_FAILED"),
        ({"credential": "wrong"}, "535"),
        ({"credential": "missing"}, "missing"),
    ],
)
def test_a_mail_server_that_is_not_believed_or_does_not_believe_gets_nothing(
    secure_mailbox: Mailbox, tmp_path: Path, given: dict[str, Any], says: str
) -> None:
    (tmp_path / "mail-password").write_text("correct")
    (tmp_path / "wrong").write_text("guessed")
    whole = {"tls": "starttls", "user": "ops", "credential": "mail-password", "ca_file": str(tmp_path / "mail/ca.crt")}
    settings = read(tmp_path, mail=mail(secure_mailbox.port, **{**whole, **given}))
    with pytest.raises(PartialError, match=says):
        service.test(settings.ways, "gpu2")
    assert secure_mailbox.mails == []


def test_a_server_is_known_by_the_name_that_it_is_told_to_have(
    secure_mailbox: Mailbox, tmp_path: Path, keys: KeysFolder
) -> None:
    (tmp_path / "mail-password").write_text("correct")
    given = {"tls": "starttls", "user": "ops", "credential": "mail-password", "ca_file": str(tmp_path / "mail/ca.crt")}
    settings = read(
        tmp_path, mail=mail(secure_mailbox.port, server_name=f"mail.{keys.site}.freehold.internal", **given)
    )
    service.test(settings.ways, "gpu2")
    assert secure_mailbox.subjects == ["[Freehold] test of the dead man's switch on gpu2"]


def test_a_web_hook_gets_its_token_and_an_answer_that_is_no_yes_is_a_no(hooked: Hooked, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of the owner\n")
    settings = read(tmp_path, webhooks=[{"name": "pager", "url": hooked.url, "credential": "token"}])
    service.test(settings.ways, "gpu2")
    assert hooked.posted[0][0]["Authorization"] == "Bearer of the owner"
    hooked.status = 302
    with pytest.raises(PartialError, match="answered with 302"):
        service.test(settings.ways, "gpu2")


def test_a_server_that_is_down_is_an_error_and_no_crash(said: list[str], switch: Make) -> None:
    made = switch(mail=mail(1), webhooks=[{"name": "pager", "url": f"http://{party.HOST}:1/"}])
    with pytest.raises(PartialError, match=r"mail: ConnectionRefusedError.*pager: ConnectionRefusedError"):
        service.test([box.way for box in made.outboxes], "gpu2")
    assert said == []


def test_a_thread_of_a_path_sends_what_it_is_given(mailbox: Mailbox, tmp_path: Path, said: list[str]) -> None:
    from freehold.dead_mans_switch.message import Message  # noqa: PLC0415
    from freehold.dead_mans_switch.watch import Event  # noqa: PLC0415

    (way,) = read(tmp_path, mail=mail(mailbox.port)).ways
    box, stop = Outbox(way, said.append), threading.Event()
    thread = threading.Thread(target=box.run, args=(stop,), daemon=True)
    thread.start()
    box.put(Message(Event("silent", "mon1", 300.0, None), "gpu2"))
    assert mailbox.came.wait(5)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
