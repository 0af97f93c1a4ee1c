"""Fake targets: every node's pages, ``/NODE/JOB``, from one process of its own.

All nodes show the same values at a tick of 15 s, under names of their own: Prometheus stores each series by itself.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.bench.prometheus_sizing.page import Source, sources

TICK_SECONDS = 15.0
BACKLOG = 4096


class Pages:
    """The pages of this tick, rendered once."""

    def __init__(self, all_sources: tuple[Source, ...]) -> None:
        self._sources = {source.job: source for source in all_sources}
        self._rendered: dict[str, tuple[int, bytes]] = {}

    def of(self, path: str) -> bytes:
        """The page of ``/NODE/JOB``; host names and UUIDs are the node's own."""
        _, node, job = path.split("/")
        tick = int(time.time() // TICK_SECONDS) % 100_000
        cached = self._rendered.get(job)
        if cached is None or cached[0] != tick:
            cached = self._rendered[job] = (tick, self._sources[job].text(tick))
        text = cached[1].replace(b'UUID="GPU-', b'UUID="GPU-' + node.encode() + b"-")
        return text.replace(b'Hostname="gpu1"', b'Hostname="' + node.encode() + b'"')


async def answer(pages: Pages, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, kept for many scrapes; what is odd ends it."""
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            body = pages.of(request.split()[1].decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    pages = Pages(sources(folder))
    server = await asyncio.start_server(lambda r, w: answer(pages, r, w), "127.0.0.1", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
