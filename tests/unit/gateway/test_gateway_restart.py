"""A restart loses nothing: the supervisor holds the socket, the old process finishes what it began."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.ports import free_port
from tests.unit.gateway.harness import CLIENT_KEY, INTERNAL_KEY, eventually

from freehold.errors import RefusedError
from freehold.gateway import listening
from freehold.gateway.config import Listen
from freehold.gateway.listening import Inherited, taken
from freehold.paths import PROJECT

MODEL, PIECES = "bench-chat", 40
VARIABLES = {**os.environ, "PYTHONPATH": f"{PROJECT / 'python'}:{PROJECT}"}


@dataclass
class Site:
    """What both processes share: the socket, and the runtime behind them."""

    folder: Path
    listener: socket.socket
    runtime: int
    asked: list[int] = field(default_factory=list)  # statuses

    @property
    def address(self) -> tuple[str, int]:
        name: tuple[str, int] = self.listener.getsockname()
        return name

    @contextmanager
    def gateway(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process as systemd starts it from a socket unit: the socket is descriptor 3."""
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(str(self.folder / f"{name}.notify"))
        heard.settimeout(30)
        start = f'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&{self.listener.fileno()}'
        words = [sys.executable, "-m", "freehold", "gateway", "serve", "--config", str(self._settings(name))]
        process = subprocess.Popen(
            ["bash", "-c", start, "-", *words],
            pass_fds=[self.listener.fileno()],
            env={**VARIABLES, "NOTIFY_SOCKET": str(self.folder / f"{name}.notify")},
        )
        try:
            assert heard.recv(100).startswith(b"READY=1")
            yield process
        finally:
            process.terminate()
            assert process.wait(20) == 0

    def _settings(self, name: str) -> Path:
        (self.folder / "internal-key").write_text(INTERNAL_KEY)
        settings = {
            "listen": dict(zip(("host", "port"), self.address, strict=True)),
            "metrics": {"host": "127.0.0.1", "port": free_port()},
            "internal_key_file": str(self.folder / "internal-key"),
            "keys": [{"name": "operator", "sha256": hashlib.sha256(CLIENT_KEY.encode()).hexdigest()}],
            "models": [
                {"name": MODEL, "kind": "chat", "url": f"http://127.0.0.1:{self.runtime}", "engine": "llama_cpp"}
            ],
            "limits": {"drain_seconds": 15},
        }
        place = self.folder / f"{name}.json"
        place.write_text(json.dumps(settings))
        return place

    def stream(self) -> http.client.HTTPResponse:
        """A stream of a second."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        body = {
            "model": MODEL,
            "stream": True,
            "max_tokens": PIECES,
            "seed": 25,
            "messages": [{"role": "user", "content": "hi"}],
        }
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {CLIENT_KEY}"})
        return connection.getresponse()

    def ask_until(self, ended: threading.Event, *, fresh: bool) -> None:
        """Ask in a loop, over new connections or a kept one, and note each status."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        while not ended.is_set():
            connection = http.client.HTTPConnection(*self.address, timeout=20) if fresh else connection
            try:
                connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {CLIENT_KEY}"})
                answer = connection.getresponse()
                answer.read()
                self.asked.append(answer.status)
            except OSError:
                self.asked.append(0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    runtime = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.gateway.upstream", str(port)], cwd=PROJECT, env=VARIABLES
    )
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield Site(tmp_path, listener, port)
    runtime.terminate()
    runtime.wait(10)


def test_a_rolling_restart_loses_no_request(site: Site) -> None:
    """Streams are open and two clients ask all the while, when the second process comes and the first one goes."""
    ended = threading.Event()
    clients = [threading.Thread(target=site.ask_until, args=(ended,), kwargs={"fresh": on}) for on in (True, False)]
    with ExitStack() as stack:
        first = stack.enter_context(site.gateway("first"))
        streams = [site.stream() for _ in range(4)]
        for thread in clients:
            thread.start()
        eventually(lambda: len(site.asked) > 50)
        stack.enter_context(site.gateway("second"))
        first.terminate()
        for stream in streams:
            text = stream.read()
            assert text.count(b'" w"') == PIECES
            assert text.endswith(b"data: [DONE]\n\n")
        assert first.wait(20) == 0
        so_far = len(site.asked)
        eventually(lambda: len(site.asked) > so_far + 50)
        ended.set()
        for thread in clients:
            thread.join(20)
    assert set(site.asked) == {200}


def test_who_comes_while_nobody_serves_is_served_by_the_next(site: Site) -> None:
    with site.gateway("first") as first:
        first.terminate()
        assert first.wait(20) == 0
    waiting = threading.Thread(target=lambda: site.asked.append(site.stream().status))
    waiting.start()
    with site.gateway("second"):
        waiting.join(20)
    assert site.asked == [200]


async def test_an_address_that_systemd_holds_and_nobody_has_is_refused() -> None:
    """FreeBind lets systemd listen on any address, one with a mistake in it too."""
    with socket.socket() as held, socket.create_server(("127.0.0.1", 0)) as here:
        held.setsockopt(*listening.FREEBIND[socket.AF_INET], 1)
        held.bind(("192.0.2.1", 0))
        held.listen()
        with pytest.raises(RefusedError) as caught:
            await taken(Inherited([held]), Listen("192.0.2.1", held.getsockname()[1]), seconds=0.0)
        assert caught.value.code == "ADDRESS_NOT_HERE"
        assert await taken(Inherited([here]), Listen("127.0.0.1", here.getsockname()[1])) is here


def test_a_socket_that_the_settings_do_not_name_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        inherited = Inherited([held])
        assert inherited.take(Listen("127.0.0.1", 1)) is None
        with pytest.raises(RefusedError) as caught:
            inherited.check_all_taken()
        assert caught.value.code == "SOCKET_NOT_ASKED_FOR"
        assert inherited.take(Listen("127.0.0.1", held.getsockname()[1])) is held
        inherited.check_all_taken()


def test_an_address_is_known_in_whatever_way_it_is_written() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as held:
        assert Inherited([held]).take(Listen("0:0:0:0:0:0:0:1", held.getsockname()[1])) is held


@pytest.mark.parametrize("environ", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}])
def test_sockets_for_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert Inherited.from_environment(environ).sockets == []
