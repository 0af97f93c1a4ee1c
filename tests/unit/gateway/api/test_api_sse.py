"""Events are cut out of a stream the same way wherever the network splits it."""

from __future__ import annotations

import itertools
import random

import pytest

from freehold.gateway.api.sse import Splitter, payload

STREAM = (
    b'data: {"a":"zw\xc3\xb6lf"}\n\n'
    b": a comment\n\n"
    b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n"
    b'data: {"text":"\\n\\n"}\n\n'
    b"\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [
    b'data: {"a":"zw\xc3\xb6lf"}\n\n',
    b": a comment\n\n",
    b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n",
    b'data: {"text":"\\n\\n"}\n\n',
    b"\n\n",
    b"data: [DONE]\n\n",
]


def split(parts: list[bytes]) -> list[bytes]:
    splitter = Splitter()
    events = [event for part in parts for event in splitter.feed(part)]
    assert splitter.rest() == b""
    return events


def test_whole() -> None:
    assert split([STREAM]) == EVENTS


@pytest.mark.parametrize("size", range(1, 20))
def test_in_pieces_of_one_size(size: int) -> None:
    assert split([STREAM[begin : begin + size] for begin in range(0, len(STREAM), size)]) == EVENTS


def test_at_every_pair_of_split_points() -> None:
    for first, second in itertools.combinations(range(len(STREAM) + 1), 2):
        assert split([STREAM[:first], STREAM[first:second], STREAM[second:]]) == EVENTS


def test_at_random_points_nothing_is_lost() -> None:
    chance = random.Random(7)  # noqa: S311  a fixed seed, so that a failure repeats
    for _ in range(300):
        points = sorted(chance.sample(range(len(STREAM)), chance.randrange(12)))
        assert split([STREAM[a:b] for a, b in itertools.pairwise([0, *points, len(STREAM)])]) == EVENTS


def test_what_is_unfinished_is_kept_back() -> None:
    splitter = Splitter()
    assert splitter.feed(b"data: 1\n\ndata: 2\n") == [b"data: 1\n\n"]
    assert splitter.rest() == b"data: 2\n"
    assert splitter.rest() == b""


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: 1\n\n", b"1"),
        (b"data:1\n\n", b"1"),
        (b"id: 4\ndata: 1\r\ndata: 2\r\n\r\n", b"1\n2"),
        (b": ping\n\n", b""),
        (b"data: \n\n", b""),
    ],
)
def test_payload(event: bytes, data: bytes) -> None:
    assert payload(event) == data
