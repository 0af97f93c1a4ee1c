"""One page for many clients: kept for a moment, asked for once however many want it, a few at once, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from freehold.gateway.status.ways import Answer, DarkError, Way
from freehold.gateway.upstream import json_object

ANSWER_SECONDS = 8.0
"""Of all ways together. The report service gives its own questions up before, and says in its page what is missing."""

KEPT_SECONDS = 5.0
MOST_KEPT = 16
"""Pages of up to 2 MiB each."""

AT_ONCE = 4
"""Different pages that are asked for at the same time."""

OK, BAD_REQUEST = 200, 400
LONGEST_WORDS = 300
Asked = tuple[str, str]


class UnknownError(Exception):
    """The report service does not know this range, view or node; the text is for the client."""


class BusyError(Exception):
    """As many pages as may be are being asked for."""


@dataclass
class Source:
    """``ways`` are tried one after the other. All calls come from the event loop."""

    ways: Sequence[Way]
    _kept: dict[Asked, Answer] = field(default_factory=dict)
    _asking: dict[Asked, asyncio.Task[Answer]] = field(default_factory=dict)

    async def page(self, path: str, query: str) -> Answer:
        """The page. Raises :class:`DarkError`, :class:`UnknownError` or :class:`BusyError`."""
        asked = (path, query)
        if asked in self._kept:
            return self._kept[asked]
        if asked not in self._asking:
            if len(self._asking) >= AT_ONCE:
                raise BusyError
            self._asking[asked] = asyncio.get_running_loop().create_task(self._ask(asked))
            self._asking[asked].add_done_callback(lambda task: self._asked(asked, task))
        # A client that goes takes the answer from nobody else who waits for it.
        return await asyncio.shield(self._asking[asked])

    def close(self) -> None:
        """End what is asked for, and close what rests."""
        for task in self._asking.values():
            task.cancel()
        for way in self.ways:
            way.close()

    def _asked(self, asked: Asked, task: asyncio.Task[Answer]) -> None:
        self._asking.pop(asked, None)
        if task.cancelled() or task.exception() is not None:
            return
        while len(self._kept) >= MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[asked] = task.result()
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._kept.pop, asked, None)

    async def _ask(self, asked: Asked) -> Answer:
        found: list[str] = []
        for way in self.ways:
            try:
                async with asyncio.timeout(ANSWER_SECONDS / len(self.ways)):
                    return _judged(await way.get(*asked), way)
            except TimeoutError:
                found.append(str(way.dark("it takes too long")))
            except DarkError as dark:
                found.append(str(dark))
        raise DarkError(" ".join(found))


def _judged(answer: Answer, way: Way) -> Answer:
    """A page is handed on; what a monitor or the report service says instead of one is said in its words."""
    if answer.status == OK and answer.body:
        return answer
    error = json_object(answer.body).get("error")
    if isinstance(error, dict):  # a monitor's gateway, which has said it all
        words = str(error.get("message"))[:LONGEST_WORDS]
        raise UnknownError(words) if answer.status == BAD_REQUEST else DarkError(words)
    words = _first_line(answer.body)
    if answer.status == BAD_REQUEST:
        raise UnknownError(f"The report service: {words or 'no such range, view or node'}.")
    raise way.dark(f"its status: {answer.status}{words and f', {words}'}")


def _first_line(body: bytes) -> str:
    """Words, where there are any: a page of somebody else's is none."""
    text = body[:LONGEST_WORDS].decode("ascii", "replace").partition("\n")[0].strip()
    return text if text.isprintable() and not text.startswith("<") else ""
