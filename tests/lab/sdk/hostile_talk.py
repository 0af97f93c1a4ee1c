"""Sends what tests/lab/sdk/hostile_cases.py has to a gateway, while another client measures how it is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.lab.sdk.hostile_cases import ANTHROPIC, OPENAI, Case, Wanted, all_of
from tests.lab.sdk.talking import Json

DRIP_SECONDS = 0.5
QUIET_SECONDS = 3.0
CROWD, LIMIT = 1_100, 1_024  # connections, and how many the gateway takes
PIPELINED = 200
AT_ONCE = 4
MIB = 1024 * 1024


@dataclass(frozen=True)
class Door:
    """Where the gateway is."""

    host: str
    port: int

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """One connection, aborted at the end."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=8 * MIB)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays. Raises where there is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    body = await reader.readexactly(int(lines[b"content-length"]))
    return int(head[9:12]), body, lines.get(b"connection") != b"close"


def form_of(body: bytes) -> str:
    """Whose form of an error this is; nothing where it is none."""
    try:
        told = json.loads(body)
        error = told["error"]
        if told.get("type") == "error" and {"type", "message"} <= error.keys():
            return ANTHROPIC
        return OPENAI if {"message", "type", "param", "code"} <= error.keys() else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


async def send(case: Case, writer: asyncio.StreamWriter) -> None:
    """Send it, the last part byte by byte; a gateway that has heard enough may close."""
    with contextlib.suppress(ConnectionError):
        writer.write(case.send)
        await writer.drain()
        for byte in case.drip:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)


async def tried(case: Case, door: Door) -> Json:
    """One case: status, form, how long until the answer, and whether anything was answered after it."""
    begun = time.monotonic()
    async with door.open() as (reader, writer):
        sending = asyncio.create_task(send(case, writer))
        told: Json = {"status": 0, "form": "", "more": ""}
        try:
            async with asyncio.timeout(case.seconds + 5):
                told["status"], body, stays = await answer(reader)
                told |= {"form": form_of(body), "seconds": time.monotonic() - begun}
                if not stays:
                    told["more"] = (await reader.read()).decode("latin-1")[:200]
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            told |= {"raised": type(error).__name__, "seconds": time.monotonic() - begun}
        finally:
            sending.cancel()
    return told


async def pipelined(door: Door, wanted: Wanted) -> list[int]:
    """Many requests in one piece; the statuses of what was answered."""
    one = wanted.head("/v1/models", method="GET") + b"\r\n"
    async with door.open() as (reader, writer):
        writer.write(one * PIPELINED)
        return [(await answer(reader))[0] for _ in range(PIPELINED)]


async def crowd(door: Door) -> Json:
    """More idle connections than the gateway takes: how many were refused at once, and how many in the end."""
    opened = await asyncio.gather(*(asyncio.open_connection(door.host, door.port) for _ in range(CROWD)))
    begun, ends = time.monotonic(), list[tuple[int, float]]()

    async def wait(reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            ends.append(((await answer(reader))[0], time.monotonic() - begun))

    async with asyncio.timeout(30):
        await asyncio.gather(*(wait(reader) for reader, _ in opened))
    for _, writer in opened:
        writer.transport.abort()
    busy = [seconds for status, seconds in ends if status == 503]
    late = [seconds for status, seconds in ends if status == 408]
    return {"busy": len(busy), "slowest_busy": max(busy, default=0.0), "late": len(late)}


class Neighbour:
    """A client who behaves. Its times are what it is there for; each is of a list of models and of an embedding."""

    def __init__(self, door: Door, wanted: Wanted, embedding: str) -> None:
        body = json.dumps({"model": embedding, "input": "a freehold"}).encode()
        self.door = door
        self.asks = wanted.head("/v1/models", method="GET") + b"\r\n", wanted.whole("/v1/embeddings", body)
        self.times: list[tuple[float, float]] = []  # when, how long
        self.wrong: list[int] = []

    async def live(self, ended: asyncio.Event) -> None:
        """Ask over one connection until the end, twenty times a second."""
        async with self.door.open() as (reader, writer):
            while not ended.is_set():
                begun = time.monotonic()
                for ask in self.asks:
                    writer.write(ask)
                    status = (await answer(reader))[0]
                    self.wrong += [status] if status != 200 else []
                self.times.append((begun, time.monotonic() - begun))
                await asyncio.sleep(0.05)


async def main() -> None:
    asked: Json = json.loads(sys.stdin.readline())
    resource.setrlimit(resource.RLIMIT_NOFILE, (CROWD + 500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    parts = urlsplit(asked["url"])
    door, wanted = Door(str(parts.hostname), int(parts.port or 80)), Wanted(asked["key"], asked["chat"])
    neighbour, ended = Neighbour(door, wanted, asked["embedding"]), asyncio.Event()
    living = asyncio.create_task(neighbour.live(ended))
    await asyncio.sleep(QUIET_SECONDS)
    storm, places, told = time.monotonic(), asyncio.Semaphore(AT_ONCE), dict[str, Json]()

    async def one(case: Case) -> None:
        async with contextlib.nullcontext() if case.slow else places:
            told[case.name] = await tried(case, door)

    # The slow ones last for half a minute; the crowd comes when the quick ones are through, since it takes every place.
    lasting = [asyncio.create_task(one(case)) for case in all_of(wanted) if case.slow]
    await asyncio.gather(*(one(case) for case in all_of(wanted) if not case.slow))
    lines = await pipelined(door, wanted)
    people = await crowd(door)
    await asyncio.gather(*lasting)
    ended.set()
    await living
    print(json.dumps({
        "cases": told, "pipelined": lines, "crowd": people, "wrong": neighbour.wrong,
        "quiet": [took for when, took in neighbour.times if when < storm],
        "beside": [took for when, took in neighbour.times if when >= storm],
    }))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
