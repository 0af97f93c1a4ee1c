"""Each exchange is noted once, by each recorder, whatever became of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from freehold.gateway.exchange import WELL_FORMED_ID, Cut, Exchange, chosen_id
from freehold.gateway.front import CLIENT_WENT, AccessLog, App, Front, answer
from freehold.gateway.ids import Ids
from freehold.gateway.refusals import busy
from freehold.gateway.request import Request


class Wire:
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        self.said, self.aborted = b"", False

    def write(self, data: bytes) -> None:
        self.said += data

    async def writable(self) -> None:
        return

    def answered(self, *, keep: bool) -> None:
        assert keep

    def abort(self) -> None:
        self.aborted = True


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.kept: list[Exchange] = []

    def record(self, exchange: Exchange) -> None:
        self.kept.append(exchange)


class Broken:
    """Fails at each exchange."""

    def record(self, exchange: Exchange) -> None:
        raise ValueError(exchange.id)


async def good(request: Request, exchange: Exchange) -> None:
    await answer(request, exchange, 200, (), b"ok")


async def refuses(request: Request, exchange: Exchange) -> None:
    raise busy(request.path, len(exchange.id))


async def fails(request: Request, exchange: Exchange) -> None:
    raise KeyError(request.path, exchange.id)


async def waits(request: Request, exchange: Exchange) -> None:
    del request, exchange
    await asyncio.Event().wait()


def request() -> tuple[Request, Wire]:
    wire = Wire()
    return Request(wire, "GET", "/x", [(b"x-request-id", b"given-by-client")], client="c", version="1.1"), wire


async def noted(app: App, notes: Notes, *before: Broken) -> Wire:
    asked, wire = request()
    recorders: Sequence[Broken | Notes] = (*before, notes)
    await Front(app, recorders).serve(asked)
    return wire


@pytest.mark.parametrize(("app", "status"), [(good, 200), (refuses, 503), (fails, 500)])
async def test_every_end_is_noted_once(app: App, status: int) -> None:
    notes = Notes()
    wire = await noted(app, notes)
    assert [(one.status, one.id) for one in notes.kept] == [(status, "given-by-client")]
    assert wire.said.startswith(b"HTTP/1.1 %d " % status)
    assert not wire.aborted


async def test_a_recorder_that_fails_keeps_nobody_from_the_note(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    assert (await noted(good, notes, Broken())).said.endswith(b"ok")
    assert len(notes.kept) == 1
    assert "ValueError" in caplog.text


@pytest.mark.parametrize("begun", [True, False])
async def test_a_client_that_goes_is_noted_even_before_its_request_has_begun(begun: bool) -> None:  # noqa: FBT001
    notes, (asked, wire) = Notes(), request()
    asked.task = asyncio.create_task(Front(waits, (notes,)).serve(asked))
    if begun:
        await asyncio.sleep(0)
    asked.cancel(Cut.CLIENT)
    asked.cancel(Cut.DRAIN)  # the first who ended it is named
    await asked.task
    assert [(one.cut, one.status) for one in notes.kept] == [(Cut.CLIENT, CLIENT_WENT)]
    assert (wire.said, wire.aborted) == (b"", True)


async def test_a_drain_that_cuts_an_answer_before_it_began_says_so() -> None:
    notes, (asked, wire) = Notes(), request()
    asked.task = asyncio.create_task(Front(waits, (notes,)).serve(asked))
    await asyncio.sleep(0)
    asked.cancel(Cut.DRAIN)
    await asked.task
    assert wire.said.startswith(b"HTTP/1.1 503 ")
    assert [(one.cut, one.reason) for one in notes.kept] == [(Cut.DRAIN, "draining")]


async def test_lines_of_a_moment_are_written_together(caplog: pytest.LogCaptureFixture) -> None:
    log = AccessLog()
    with caplog.at_level(logging.INFO):
        for name in ("first-exchange", "second-exchange"):
            log.record(Exchange(id=name))
        assert caplog.messages == []
        log.close()
        log.close()
    (text,) = caplog.messages
    first, second = text.splitlines()
    assert first.endswith("id=first-exchange")
    assert second.startswith("freehold.gateway.access: status=0 ")


@pytest.mark.parametrize(("offered", "taken"), [(b"a-good-id", True), (b"bad id here", False), (None, False)])
def test_ids(offered: bytes | None, taken: bool) -> None:  # noqa: FBT001
    ids = Ids()
    chosen = chosen_id(offered, ids)
    assert (chosen == (offered or b"").decode()) is taken
    assert taken or WELL_FORMED_ID.fullmatch(chosen.encode())
    assert taken or chosen not in {chosen_id(offered, ids), chosen_id(offered, Ids())}
