"""A stream from whoever writes it to the client, counted on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from freehold.gateway.api.base import Meter
from freehold.gateway.client import LostError
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.refusals import RefusalError, draining
from freehold.gateway.request import Request

EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))

Broken = Callable[[], RefusalError]


class Source(Protocol):
    """Who writes it; a :class:`~freehold.gateway.client.Connection` is one."""

    async def piece(self) -> bytes:
        """Return what has come; nothing at the end. Raises :class:`LostError`."""


async def stream(source: Source, meter: Meter, request: Request, exchange: Exchange, broken: Broken) -> None:
    """Pass a stream on to its end. One that ends early ends with ``broken``, one that the drain cuts says so."""
    exchange.status = 200
    request.start(200, [*EVENTS, *exchange.labels()])
    try:
        await _events(source, meter, request, exchange)
        last = b"" if meter.done else _cut(exchange, broken)
    except LostError:
        last = _cut(exchange, broken)
    except asyncio.CancelledError:
        if request.cut is not Cut.DRAIN:
            raise
        last = exchange.form.event(draining(), exchange.id)
    request.end(last)


async def _events(source: Source, meter: Meter, request: Request, exchange: Exchange) -> None:
    try:
        while data := await source.piece():
            out = meter.feed(data)
            if meter.began:
                exchange.saw_first_token()
            if out:
                await request.write(out)
    finally:
        exchange.usage, exchange.counted = meter.usage, meter.exact  # read once: a running count is kept as it came


def _cut(exchange: Exchange, broken: Broken) -> bytes:
    exchange.cut = Cut.RUNTIME
    return exchange.form.event(broken(), exchange.id)
