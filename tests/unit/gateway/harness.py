"""A real gateway on a free port, in front of a mock runtime; both in one thread beside the test."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from tests.unit.gateway.mock_runtime import MockRuntime

from freehold.gateway.config import GatewayConfig, Key, Limits, Listen, Mesh, Model
from freehold.gateway.server import Addresses, serve
from freehold.service.notify import Supervisor

LIMIT_SECONDS = 10.0
CLIENT_KEY, OTHER_KEY, INTERNAL_KEY = "fh-" + "a" * 43, "fh-" + "b" * 43, "i" * 43
CHAT, EMBEDDING, LARGE, DOWN = "tiny-chat", "tiny-embed", "tiny-vllm", "nobody-home"


def eventually(condition: Callable[[], Any], seconds: float = LIMIT_SECONDS) -> Any:
    """Wait until ``condition`` is true, and return what it said."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the condition never came true"
        threading.Event().wait(0.02)
    return value


@dataclass
class Harness:
    """What a test holds of the gateway beside it."""

    addresses: Addresses
    runtime: MockRuntime
    thread: threading.Thread
    end: Callable[[], None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.addresses.public[1]}"

    def connect(self, buffer: int = 0) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(LIMIT_SECONDS)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.connect(self.addresses.public)
        return connection

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.addresses.metrics[1]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def count(self, name: str, **labels: str) -> float:
        """The sum of the samples ``name`` that carry ``labels``."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        rows = [row for row in self.metrics().splitlines() if row.split("{")[0].split(" ")[0] == name]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows if all(want in row for want in wanted))


def settings(runtime_port: int, limits: Limits) -> GatewayConfig:
    here = f"http://127.0.0.1:{runtime_port}"
    free = socket.create_server(("127.0.0.1", 0))
    nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    keys = (("operator", CLIENT_KEY), ("other", OTHER_KEY))
    return GatewayConfig(
        listen=Listen("127.0.0.1", 0),
        metrics=Listen("127.0.0.1", 0),
        keys=tuple(Key(name, hashlib.sha256(key.encode()).hexdigest()) for name, key in keys),
        models=(
            Model(CHAT, "chat", here, "llama_cpp", 512, 8),
            Model(LARGE, "chat", here, "vllm", 512, 8),
            Model(EMBEDDING, "embedding", here, "llama_cpp", 256, 8),
            Model(DOWN, "chat", nobody, "llama_cpp", 512, 8),
        ),
        limits=limits,
        simulated=("gpu",),
    )


@contextmanager
def running(
    limits: Limits,
    supervisor: Supervisor | None = None,
    mesh: Mesh | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    changed: Callable[[GatewayConfig], GatewayConfig] = lambda config: config,
) -> Iterator[Harness]:
    """A gateway and its runtime for the length of a ``with``."""
    runtime = MockRuntime()
    ready: Any = threading.Event()
    found: dict[str, Any] = {}

    async def main() -> None:
        runner = web.AppRunner(runtime.app(), handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found["ending"], found["loop"] = asyncio.Event(), asyncio.get_running_loop()
        listening: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
        listening.add_done_callback(lambda done: (found.update(addresses=done.result()), ready.set()))
        config = changed(replace(settings(runner.addresses[0][1], limits), mesh=mesh))
        await serve(
            config, INTERNAL_KEY, ending=found["ending"], supervisor=supervisor or Supervisor(), listening=listening
        )
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=loop).run(main()), daemon=True)
    thread.start()
    assert ready.wait(LIMIT_SECONDS)
    harness = Harness(
        found["addresses"], runtime, thread, lambda: found["loop"].call_soon_threadsafe(found["ending"].set)
    )
    try:
        yield harness
    finally:
        if thread.is_alive():
            harness.end()
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
