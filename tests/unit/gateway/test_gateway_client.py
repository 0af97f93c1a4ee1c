"""The connections to the runtimes: kept for a moment, a request sent twice in the one safe case only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from freehold.gateway import client, pool
from freehold.gateway.client import LostError
from freehold.gateway.pool import Address, Pool

HEAD, BODY = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n", b"{}"
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answer = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers the n-th request as it is told; counts connections and requests."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.connections, self.requests = answer, 0, 0
        self.ended = asyncio.Event()  # a client closed a connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readexactly(len(HEAD + BODY))
                self.requests += 1
                await self.answer(self.requests, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()
        writer.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[Server, Address]]:
    made = Server(answer)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, listening.sockets[0].getsockname()[:2]
    finally:
        listening.close()


def says(*answers: bytes) -> Answer:
    """Say one after the other; an empty one is a connection that breaks."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        words = answers[min(number, len(answers)) - 1]
        writer.write(words)
        if not words or b"then-break" in words:
            writer.close()
            await writer.wait_closed()
            raise ConnectionError

    return answer


async def ask(asked: Pool, address: Address) -> bytes:
    connection = await asked.ask(address, HEAD, BODY)
    try:
        return await connection.whole()
    finally:
        asked.release(address, connection)


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    ],
    ids=["length", "chunked", "informational"],
)
async def test_an_answer_is_read_to_its_end_and_its_connection_kept(said: bytes) -> None:
    async with serving(says(said)) as (server, address):
        asked = Pool(1, 5)
        assert [await ask(asked, address) for _ in range(3)] == [b"good"] * 3
        assert (server.connections, server.requests) == (1, 3)
        asked.close()


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ngood", b"HTTP/1.0 200 OK\r\n\r\ngood"],
)
async def test_a_connection_that_the_server_will_close_is_not_kept(said: bytes) -> None:
    async with serving(says(said)) as (server, address):
        asked = Pool(1, 5)

        async def close(number: int, writer: asyncio.StreamWriter) -> None:
            writer.write(said)
            writer.close()
            await writer.wait_closed()
            raise ConnectionError(number)

        server.answer = close
        assert [await ask(asked, address) for _ in range(2)] == [b"good"] * 2
        assert server.connections == 2


async def test_a_kept_connection_that_breaks_before_a_byte_came_is_tried_once_more() -> None:
    async with serving(says(GOOD, b"", GOOD)) as (server, address):
        asked = Pool(1, 5)
        assert [await ask(asked, address) for _ in range(2)] == [b"good"] * 2
        assert (server.connections, server.requests) == (2, 3)
        asked.close()


async def test_a_request_is_sent_twice_at_most() -> None:
    async with serving(says(GOOD, b"", b"", GOOD)) as (server, address):
        asked = Pool(1, 5)
        await ask(asked, address)
        with pytest.raises(LostError):
            await ask(asked, address)
        assert server.requests == 3


async def test_a_new_connection_that_breaks_is_not_tried_again() -> None:
    async with serving(says(b"", GOOD)) as (server, address):
        with pytest.raises(LostError):
            await ask(Pool(1, 5), address)
        assert server.requests == 1


async def test_a_kept_connection_that_breaks_after_a_byte_is_not_tried_again() -> None:
    async with serving(says(GOOD, b"HTTP/1.1 200 then-break", GOOD)) as (server, address):
        asked = Pool(1, 5)
        await ask(asked, address)
        with pytest.raises(LostError):
            await ask(asked, address)
        assert server.requests == 2


async def test_a_runtime_that_thought_before_it_died_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "RACE_SECONDS", 0.0)
    async with serving(says(GOOD, b"", GOOD)) as (server, address):
        asked = Pool(1, 5)
        await ask(asked, address)
        with pytest.raises(LostError):
            await ask(asked, address)
        assert server.requests == 2


async def test_an_answer_that_breaks_in_its_middle_is_lost() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nthen-break")) as (_, address):
        connection = await Pool(1, 5).ask(address, HEAD, BODY)
        assert await connection.piece() == b"then-break"
        with pytest.raises(LostError):
            await connection.piece()


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000])
async def test_what_is_no_answer_is_lost(said: bytes) -> None:
    async with serving(says(said)) as (_, address):
        with pytest.raises(LostError):
            await ask(Pool(1, 5), address)


async def test_silence_ends_an_answer_and_its_connection() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")) as (server, address):
        connection = await Pool(1, 0.05).ask(address, HEAD, BODY)
        with pytest.raises(LostError):
            await connection.whole()
        assert connection.silent
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_an_idle_connection_is_closed_after_a_moment() -> None:
    async with serving(says(GOOD)) as (server, address):
        asked = Pool(1, 5, idle_seconds=0.01)
        await ask(asked, address)
        await asyncio.wait_for(server.ended.wait(), 5)
        assert await ask(asked, address) == b"good"
        assert server.connections == 2
        asked.close()


async def test_words_that_nobody_asked_for_end_a_kept_connection() -> None:
    async with serving(says(GOOD + GOOD, GOOD)) as (server, address):
        asked = Pool(1, 5)
        assert await ask(asked, address) == b"good"
        assert await ask(asked, address) == b"good"
        assert server.connections == 2
        asked.close()


async def test_an_answer_that_is_given_up_closes_its_connection() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")) as (server, address):
        asked = Pool(1, 5)
        connection = await asked.ask(address, HEAD, BODY)
        asked.release(address, connection)
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_a_slow_reader_stops_the_server() -> None:
    """What is not read is not taken from the network either, so the server's own buffer fills."""
    size = 64 * client.HIGH_WATER
    stalled = asyncio.Event()

    async def flood(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(64 * number):
            writer.write(b"x" * client.HIGH_WATER)
        try:
            await asyncio.wait_for(asyncio.shield(drained := asyncio.ensure_future(writer.drain())), 0.2)
        except TimeoutError:
            stalled.set()
        await drained

    async with serving(flood) as (_, address):
        asked = Pool(1, 5)
        connection = await asked.ask(address, HEAD, BODY)
        await asyncio.wait_for(stalled.wait(), 5)
        assert len(await connection.whole()) == size
        assert connection.reusable
        asked.release(address, connection)
        asked.close()
