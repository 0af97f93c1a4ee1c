"""The switch as a service: receiver, clockwork, one thread for each path, metrics, systemd, signals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from freehold.dead_mans_switch import outbox, receiver
from freehold.dead_mans_switch.message import Message
from freehold.dead_mans_switch.outbox import Outbox
from freehold.dead_mans_switch.page import page
from freehold.dead_mans_switch.paths import Way
from freehold.dead_mans_switch.settings import Settings
from freehold.dead_mans_switch.store import Say, Store
from freehold.dead_mans_switch.watch import Event, Watch
from freehold.errors import FreeholdError, PartialError
from freehold.exporter import service as exporter
from freehold.exporter.server import Server
from freehold.service.tls import TlsFiles, TlsKeeper

Clock = Callable[[], float]
TICK_SECONDS = 1.0


@dataclass(frozen=True)
class World:
    """What the switch takes from outside: clocks, its own host's name, the log."""

    monotonic: Clock
    wall: Clock
    host: str
    say: Say


class Switch:
    """Everything but sockets and threads."""

    def __init__(self, settings: Settings, store: Store, world: World) -> None:
        self._world, self._store, self._unsaved = world, store, threading.Event()
        now = world.monotonic()
        self._patience = settings.patience
        self.watch = Watch(settings.monitors, settings.patience, now, store.load(now))
        self._unsaved.set()  # since when a monitor is waited for that was never heard
        self.outboxes = [Outbox(way, world.say, self._taken) for way in settings.ways]

    def beat(self, monitor: str) -> None:
        """A beat came."""
        event = self.watch.beat(monitor, self._world.monotonic(), self._world.wall())
        if event is not None:
            self._tell(event)
        self._unsaved.set()

    def tick(self) -> None:
        """Look whose time is over."""
        events = self.watch.due(self._world.monotonic())
        for event in events:
            self._tell(event)
            self._unsaved.set()

    def keep(self, patience: float = 0.0) -> None:
        """Write down what is new, or what becomes so within ``patience`` seconds.

        For a thread of its own: where the disk hangs, beats are heard, silences found and messages sent all the same.
        """
        if self._unsaved.wait(patience):
            self._unsaved.clear()
            self._store.save(self.watch.heard())

    def page(self) -> bytes:
        """Its metrics."""
        waiting = {box.way.name: box.waiting() for box in self.outboxes}
        return page(self.watch.heard(), outbox.total(self.outboxes), waiting, self._patience.silence)

    def _tell(self, event: Event) -> None:
        message = Message(event, self._world.host)
        self._world.say(message.subject)
        for box in self.outboxes:
            box.put(message)

    def _taken(self, message: Message) -> None:
        self.watch.delivered(message.event)
        self._unsaved.set()


def serve(switch: Switch, settings: Settings, files: TlsFiles, stop: threading.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or ``stop``). Raises :class:`RefusedError` if an address cannot be had."""
    stop = exporter.until_signal() if stop is None else stop
    servers = open_servers(switch, settings, files)
    others = [threading.Thread(target=box.run, args=(stop,), daemon=True) for box in switch.outboxes]
    others += [threading.Thread(target=task, args=(switch, stop), daemon=True) for task in (_ticking, _keeping)]
    broken = FreeholdError("SWITCH_BROKEN", "dead man's switch", "a thread of it ended", fix="its traceback is above")
    try:
        exporter.run(servers, others, stop, broken)
    finally:
        switch.keep()


def open_servers(switch: Switch, settings: Settings, files: TlsFiles) -> list[Server]:
    """The receiver and the page of metrics: both, or none."""
    beats = receiver.listen_at(settings.listen, TlsKeeper(files), switch.watch, switch.beat)
    try:
        return [beats, exporter.bind(settings.metrics, {"/metrics": switch.page, "/healthz": lambda: b"ok\n"})]
    except FreeholdError:
        beats.server_close()
        raise


def test(ways: Sequence[Way], host: str) -> None:
    """Send a test by every path. Raises :class:`PartialError` that names each that did not take it."""
    failed = []
    for way in ways:
        try:
            way.send(Message(Event("test", "", 0.0, None), host))
        except Exception as error:  # noqa: BLE001  each path is tried, whatever another one does
            failed.append(f"{way.name}: {outbox.reason(error)}")
        else:
            print(f"{way.name}: taken")
    if failed:
        raise PartialError(
            "SWITCH_TEST",
            "dead man's switch",
            "; ".join(failed),
            expected="every path takes the test",
            why="when a monitor falls silent, nobody would hear of it that way",
            fix="mend the path, or its settings (inputs of role dead_mans_switch), and try again",
            changed=f"{len(ways) - len(failed)} of {len(ways)} tests were sent",
        )


def beginning(file: Path) -> str:
    """What the log begins with: how to try it."""
    return f"to try every path to you: freehold dead-mans-switch --config {file} --credentials FOLDER --test"


def _ticking(switch: Switch, stop: threading.Event) -> None:
    while not stop.wait(TICK_SECONDS):
        switch.tick()


def _keeping(switch: Switch, stop: threading.Event) -> None:
    while not stop.is_set():
        switch.keep(TICK_SECONDS)


def real_world(host: str, say: Say) -> World:
    """The machine's own clocks."""
    return World(time.monotonic, time.time, host, say)
