"""Server-sent events, cut out of a stream of bytes wherever the network happened to split it."""

from __future__ import annotations

import re

END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n")
END, OTHER_END = b"\n\n", b"\r\n\r\n"
DONE = b"[DONE]"


class Splitter:
    """Collects bytes and gives back whole events, each with its blank line; nothing is changed or lost."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that are complete with ``data``."""
        if not self._held and data.endswith(END) and data.find(END) == len(data) - len(END) and b"\r" not in data:
            return [data]  # an engine writes one event at a time, and mostly it arrives as one
        events: list[bytes] = []
        # Only the seam can hide an end that was split; what was searched before needs no second look.
        search_from = max(0, len(self._held) - len(OTHER_END) + 1)
        buffer, begin = self._held + data, 0
        while end := END_OF_EVENT.search(buffer, search_from):
            events.append(buffer[begin : end.end()])
            begin = search_from = end.end()
        self._held = buffer[begin:]
        return events

    def rest(self) -> bytes:
        """Return what is left at the end of the stream: empty, if it ended in order."""
        left, self._held = self._held, b""
        return left


def payload(event: bytes) -> bytes:
    """Return the data of one event, its lines joined; empty for a comment."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)


def encode(data: bytes) -> bytes:
    """Return ``data`` (without line ends) as one event."""
    return b"data: " + data + b"\n\n"
