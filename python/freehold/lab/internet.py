"""The lab's "internet": it answers anybody who gets there, and keeps a record of who did.

The positive control of every claim that a node has no way out: the same address answers the outside and the control
host, so silence towards a node is the node's doing. Run as ``python -m freehold.lab.internet ADDRESS RECORD``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

PORTS = (80, 443)
BODY = b"the internet, as far as this lab goes\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)
READ_SECONDS = 5.0


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Path) -> None:
    """Write down the visitor, read what it says, answer in HTTP on whatever port it came."""
    peer, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    with record.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"from": peer[0], "port": here[1]}) + "\n")
    with contextlib.suppress(TimeoutError, OSError):
        await asyncio.wait_for(reader.readline(), READ_SECONDS)
        writer.write(ANSWER)
        await writer.drain()
    writer.close()


async def serve(address: str, record: Path, ports: tuple[int, ...] = PORTS) -> list[asyncio.Server]:
    """Listen on every port; port 0 takes a free one."""

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, record)

    return [await asyncio.start_server(visited, address, port) for port in ports]


async def main(address: str, record: str) -> None:
    """Serve until killed."""
    servers = await serve(address, Path(record))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
