"""The callers: ``python -m tests.bench.gateway.load '{"port": ..., ...}'``, prints one :class:`Outcome` as JSON.

Closed loop: ``callers`` ask one after the other. Open loop: requests begin at ``rate`` a second whatever the answers
do, and time counts from when a request was due, so that waiting for a slow gateway is not lost.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import httptools
import uvloop
from tests.bench.gateway.upstream import MODEL, WORD

PIECE = re.compile(rb'"content": ?"%b"' % WORD.encode())
TIMEOUT = 120.0
OK = 200


@dataclass(frozen=True)
class Load:
    """What to ask. ``pieces`` is 0 for plain answers; ``gap_ms`` is between two pieces of a stream; ``idle`` is how
    many connections are opened, used once, and held all the while.
    """

    port: int
    key: str
    requests: int
    callers: int = 1
    rate: float = 0.0
    pieces: int = 0
    gap_ms: int = 0
    idle: int = 0


@dataclass
class Outcome:
    """Seconds. ``failed`` counts answers that were no 200, ``lost`` those with a piece missing."""

    wall: float = 0.0
    cpu: float = 0.0
    failed: int = 0
    lost: int = 0
    idle_lost: int = 0
    whole: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures without each single time."""
        own = {name: value for name, value in asdict(self).items() if not isinstance(value, list)}
        spread = {f"{name}_{at}": _quantile(getattr(self, name), at) for name in ("whole", "first") for at in (50, 99)}
        return {**own, **spread, "requests": len(self.whole)}


def _quantile(values: Sequence[float], percent: int) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else None


class Caller(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._end(exc or ConnectionResetError())

    def ask(self, request: bytes) -> asyncio.Future[None]:
        """Send a request; the future is done with its answer."""
        self.parser = httptools.HttpResponseParser(self)
        self.status, self.body, self.first = 0, bytearray(), 0.0
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if not self.first and PIECE.search(data):
            self.first = time.perf_counter()
        self.body += data

    def on_message_complete(self) -> None:
        if not self.parser.should_keep_alive():
            self.gone = True
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        done = getattr(self, "done", None)
        if done is None or done.done():
            return
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)


class Crowd:
    """All callers of one load."""

    def __init__(self, load: Load) -> None:
        self.load, self.outcome = load, Outcome()
        self._free: list[Caller] = []
        self._request = _request(load)

    async def run(self) -> Outcome:
        """Ask everything, and return what came of it."""
        held = [await self._connect() for _ in range(self.load.idle)]
        for caller in held:
            await caller.ask(self._request)
        began, cpu = time.perf_counter(), time.process_time()
        await (self._open() if self.load.rate else self._closed())
        self.outcome.wall, self.outcome.cpu = time.perf_counter() - began, time.process_time() - cpu
        self.outcome.idle_lost = sum(caller.gone for caller in held)
        return self.outcome

    async def _closed(self) -> None:
        left = iter(range(self.load.requests))

        async def caller() -> None:
            for _ in left:
                await self._one(time.perf_counter())

        await asyncio.gather(*(caller() for _ in range(self.load.callers)))

    async def _open(self) -> None:
        began, running = time.perf_counter(), []
        for number in range(self.load.requests):
            due = began + number / self.load.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            running.append(asyncio.ensure_future(self._one(due)))
        await asyncio.gather(*running)

    async def _one(self, due: float) -> None:
        try:
            caller = self._free.pop() if self._free else await self._connect()
            if caller.gone:
                caller = await self._connect()
            await asyncio.wait_for(caller.ask(self._request), TIMEOUT)
        except (OSError, TimeoutError):
            self.outcome.failed += 1
            return
        self._note(caller, due, time.perf_counter())
        self._free.append(caller)

    async def _connect(self) -> Caller:
        _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", self.load.port)
        return caller

    def _note(self, caller: Caller, due: float, now: float) -> None:
        if caller.status != OK:
            self.outcome.failed += 1
            return
        self.outcome.whole.append(now - due)
        if not self.load.pieces:
            return
        whole = len(PIECE.findall(caller.body)) == self.load.pieces and caller.body.rstrip().endswith(b"[DONE]")
        self.outcome.lost += not whole
        self.outcome.first.append(caller.first - due)


def _request(load: Load) -> bytes:
    wanted = {"max_tokens": load.pieces, "seed": load.gap_ms, "stream": True} if load.pieces else {}
    system = "You are a careful assistant. " * 8
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Say w thirty times."}]
    body = json.dumps({"model": MODEL, "messages": messages, "temperature": 0, **wanted}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {load.key}\r\n"
        f"user-agent: bench\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Crowd(Load(**json.loads(sys.argv[1]))).run()).summary()))
