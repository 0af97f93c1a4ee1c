"""A switch on a clock of the test's own, a real mail server, and a hierarchy with monitors."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.unit.keys import party

from freehold.dead_mans_switch import settings
from freehold.dead_mans_switch.service import Switch, World
from freehold.dead_mans_switch.store import Store
from freehold.keys import sealed
from freehold.keys.files import KeysFolder

SILENCE, REPEAT = 300, 3600


@dataclass
class Time:
    """Both clocks of a machine; a test moves them."""

    monotonic: float = 1000.0
    wall: float = 1_800_000_000.0

    def pass_(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


@dataclass
class Mailbox:
    """What a mail server took; ``refuses`` makes it say so."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False
    came: threading.Event = field(default_factory=threading.Event)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        if self.refuses:
            return "451 not now"
        from email import message_from_bytes, policy  # noqa: PLC0415

        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.came.set()
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", 16)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keys(tmp_path: Path) -> KeysFolder:
    return party.hierarchy(tmp_path / "pki", tmp_path / "secret")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    yield from serving(Mailbox())


@pytest.fixture
def secure_mailbox(keys: KeysFolder, tmp_path: Path) -> Iterator[Mailbox]:
    yield from serving_securely(keys, tmp_path)


def serving_securely(keys: KeysFolder, folder: Path) -> Iterator[Mailbox]:
    """STARTTLS with a certificate of the owner's, whose roots are in ``mail/ca.crt``; user ops, password correct."""
    own = party.holder(keys, "mail", folder / "mail")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own / "tls.crt", own / "tls.key")

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"ops", b"correct"), handled=False)

    # Alertmanager takes LOGIN first, by the words of common mail servers; aiosmtpd asks with others.
    given = {"authenticator": knows, "auth_required": True, "auth_exclude_mechanism": ["LOGIN"]}
    yield from serving(Mailbox(), tls_context=context, require_starttls=True, **given)


class FreePort(Controller):
    """On a port that the kernel chose; the controller itself would go on with the one that it asked for."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd says nothing of its types here


def serving(box: Mailbox, **given: Any) -> Iterator[Mailbox]:
    controller = FreePort(box, hostname=party.HOST, port=0, **given)
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def document(**given: Any) -> dict[str, Any]:
    return {
        "listen": f"{party.HOST}:0",
        "metrics": f"{party.HOST}:0",
        "monitors": ["mon1"],
        "silence_seconds": SILENCE,
        "repeat_seconds": REPEAT,
        "webhooks": [],
        **given,
    }


def mail(port: int, **given: Any) -> dict[str, Any]:
    common = {"smarthost": f"{party.HOST}:{port}", "from": "fleet@example.org", "to": ["ops@example.org"]}
    return {**common, "tls": "none", **given}


def read(folder: Path, **given: Any) -> settings.Settings:
    file = folder / "switch.json"
    file.write_text(json.dumps(document(**given)), encoding="utf-8")
    return settings.read(file, folder)


@pytest.fixture
def switch(tmp_path: Path, mailbox: Mailbox, time: Time, said: list[str]) -> Callable[..., Switch]:
    """Makes one; a second one goes on from the state of the first, as after a restart."""

    made: list[Switch] = []

    def make(boot: str = "boot-1", **given: Any) -> Switch:
        for before in made:
            before.keep()
        world = World(lambda: time.monotonic, lambda: time.wall, "gpu2", said.append)
        store = Store(tmp_path / "monitors.json", boot, said.append)
        made[:] = [Switch(read(tmp_path, **{"mail": mail(mailbox.port), **given}), store, world)]
        return made[0]

    return make


def deliver(switch: Switch, time: Time) -> None:
    """What the switch's own threads do all the time."""
    for box in switch.outboxes:
        box.step(time.monotonic)
    switch.keep()
