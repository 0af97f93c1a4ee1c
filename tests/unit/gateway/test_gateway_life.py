"""The process from its start to its end: readiness, watchdog, drain, and what it leaves in its log."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from pathlib import Path

import pytest
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness, eventually, running

from freehold.errors import RefusedError
from freehold.gateway.config import Limits, Listen
from freehold.gateway.listening import bind, bind_patiently
from freehold.service.notify import Supervisor


def open_stream(gateway: Harness, words: str) -> http.client.HTTPResponse:
    body = {"model": CHAT, "stream": True, "messages": [{"role": "user", "content": words}]}
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=10)
    headers = {"Authorization": f"Bearer {CLIENT_KEY}", "X-Secret": "MARKER-header"}
    connection.request("POST", "/v1/chat/completions?q=MARKER-query", json.dumps(body), headers)
    return connection.getresponse()


def refuses_connections(gateway: Harness) -> bool:
    try:
        gateway.connect().close()
    except ConnectionError:  # refused, or reset where it came in the very moment
        return True
    return False


def test_drain_takes_no_more_and_finishes_what_is_open() -> None:
    """A stream of 1,000 pieces is under way when the end is asked for; it arrives whole."""
    with running(Limits(drain_seconds=10)) as gateway:
        answer = open_stream(gateway, "split=1")
        gateway.end()
        eventually(lambda: refuses_connections(gateway))
        assert answer.read().endswith(b"data: [DONE]\n\n")
        answer.close()
        gateway.thread.join(5)
        assert not gateway.thread.is_alive()


def test_drain_ends_at_its_limit_and_says_so_in_the_stream() -> None:
    with running(Limits(drain_seconds=1)) as gateway:
        answer = open_stream(gateway, "hold")
        gateway.end()
        events = answer.read().decode().rstrip().split("\n\n")
        assert json.loads(events[-1][6:])["error"]["code"] == "draining"
        gateway.thread.join(5)
        assert not gateway.thread.is_alive()
        assert gateway.runtime.cancelled == ["hold"]


def test_the_last_lines_are_written_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Lines wait for a moment to be written together; those of answers that the drain cuts come at the very end."""
    with caplog.at_level(logging.INFO):
        with running(Limits(drain_seconds=1)) as gateway:
            answer = open_stream(gateway, "hold")
            gateway.end()
            answer.read()
            gateway.thread.join(5)
        assert "cut=drain" in caplog.text


def test_supervisor_hears_ready_pings_and_stopping(tmp_path: Path) -> None:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(5)
    with running(Limits(drain_seconds=1), Supervisor(str(tmp_path / "notify"), 0.03)) as gateway:
        heard = [channel.recv(100).decode() for _ in range(4)]
        assert heard == ["READY=1\nSTATUS=serving 4 models to 2 keys", *["WATCHDOG=1"] * 3]
        gateway.end()
        eventually(lambda: channel.recv(100).startswith(b"STOPPING=1"))
    channel.close()


def test_log_tells_who_and_how_much_but_never_what(gateway: Harness, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = open_stream(gateway, "MARKER-prompt")
        answer.read()
        strange = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
        strange.request("GET", "/MARKER-path", headers={"Authorization": "Bearer MARKER-key"})
        strange.getresponse().read()
        strange.close()
        lines = eventually(lambda: [text for text in caplog.messages if "status=404" in text] and caplog.messages)
    everything = "\n".join(lines)
    assert "MARKER" not in everything
    assert CLIENT_KEY not in everything
    assert "key=operator model=tiny-chat route=local in=11 out=3" in everything
    assert "MARKER" not in gateway.metrics()


def test_a_taken_port_is_a_clear_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        with pytest.raises(RefusedError) as caught:
            bind(Listen("127.0.0.1", holder.getsockname()[1]))
        assert caught.value.code == "PORT_TAKEN"
    bind(Listen("127.0.0.1", 0)).close()


async def test_an_address_that_is_not_here_is_waited_for_and_then_refused() -> None:
    """After a boot the client network may come up later than the gateway."""
    moments = iter([0.0, 0.1, 0.9, 1.1])
    with pytest.raises(RefusedError) as caught:
        await bind_patiently(Listen("192.0.2.1", 8080), seconds=1.0, clock=lambda: next(moments))
    assert caught.value.code == "ADDRESS_NOT_HERE"
    assert next(moments, None) is None
    (await bind_patiently(Listen("127.0.0.1", 0))).close()
