"""CPU of the gateway's counting: `python -m tests.bench.stream_meter`, on the streams of tests/data/gateway.

For each engine and protocol: microseconds a streamed event in the meter, beside what parsing and writing each event
anew would take; then what the parse of a body takes with and without the refusal of duplicate keys. One process, CPU
time, the best of several rounds: other load on the machine makes it larger, never smaller.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from tests.unit.gateway.api.recorded import ENGINES, events

from freehold.gateway import body as bodies
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.api.sse import payload

STREAMS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
ROUNDS, REPEATS = 7, 300


def main() -> None:
    """Print the table."""
    print(f"{'engine':10} {'stream':10} {'meter':>8} {'parse and write anew':>22}  us a streamed event")
    for engine in ENGINES:
        for name, path in STREAMS.items():
            pieces = deltas(engine, name)
            measured = best(partial(metered, path, engine, pieces))
            anew = best(partial(rewritten, pieces))
            print(f"{engine:10} {name:10} {measured / len(pieces):8.2f} {anew / len(pieces):22.2f}")
    for name, raw in (("short chat", short_chat()), ("agent, 25 tools", agent())):
        once, plain = best(partial(bodies.parse, raw)), best(partial(json.loads, raw))
        print(f"body: {name}, {len(raw)} bytes: judged {once:.1f} us, json.loads alone {plain:.1f} us")


def deltas(engine: str, name: str) -> list[bytes]:
    """A thousand of the events that a long answer consists of."""
    said = [event for event in events(engine, name) if b'"delta"' in event and b'"finish_reason":"' not in event]
    middle = [event for event in said if b'"role":"assistant"' not in event and b"message_delta" not in event]
    return (middle * 1000)[:1000]


def metered(path: str, engine: str, pieces: list[bytes]) -> None:
    """One stream, each event arriving by itself."""
    meter = APIS[path].prepare({"model": "m", "input": "x", "stream": True}, engine)
    assert meter is not None
    for piece in pieces:
        meter.feed(piece)
    assert meter.usage.completion > 0


def rewritten(pieces: list[bytes]) -> None:
    """What the same events cost if each is read and written."""
    for piece in pieces:
        json.dumps(json.loads(payload(piece)), ensure_ascii=False, separators=(",", ":")).encode()


def best(work: Callable[[], object]) -> float:
    """Microseconds of CPU for one call, the best of several rounds."""
    times = []
    for _ in range(ROUNDS):
        count, begun = 0, time.process_time_ns()
        while time.process_time_ns() - begun < 50_000_000 and count < REPEATS:
            work()
            count += 1
        times.append((time.process_time_ns() - begun) / count / 1000)
    return min(times)


def short_chat() -> bytes:
    """Two messages."""
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a freehold?" * 10}]
    return json.dumps({"model": "m", "messages": said, "max_tokens": 64, "stream": True}).encode()


def agent() -> bytes:
    """A coding agent's turn: many tools, long messages of code."""
    fields = {f"p{number}": {"type": "string", "description": 'A "field": ' * 8} for number in range(12)}
    tools = [
        {"type": "function", "function": {"name": f"tool_{number}", "parameters": {"properties": fields}}}
        for number in range(25)
    ]
    said = [{"role": "user", "content": 'def f(x):\n    return {"a": x}\n' * 80}] * 40
    return json.dumps({"model": "m", "messages": said, "tools": tools, "stream": True}).encode()


if __name__ == "__main__":
    main()
