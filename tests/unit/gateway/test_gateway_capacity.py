"""Who comes when all places are taken hears so at once, and when to come again."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack

from tests.unit.gateway.asking import GOOD, PATH, error_of, read_all, request
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, OTHER_KEY, Harness, eventually, running

from freehold.gateway.config import Limits


def held(gateway: Harness, stack: ExitStack, key: str) -> http.client.HTTPResponse:
    body = json.dumps({"model": CHAT, "stream": True, "messages": [{"role": "user", "content": "hold"}]}).encode()
    return stack.enter_context(request(gateway, "POST", PATH, body, key))


def test_a_key_at_its_share_is_told_to_wait_and_others_are_served() -> None:
    with running(Limits(concurrent_per_key=1, drain_seconds=1)) as gateway, ExitStack() as stack:
        assert held(gateway, stack, CLIENT_KEY).status == 200
        with request(gateway, "POST", PATH, GOOD) as answer:
            assert (answer.status, answer.getheader("retry-after")) == (429, "1")
            assert error_of(answer)["code"] == "rate_limit_exceeded"
        with request(gateway, "POST", PATH, GOOD, OTHER_KEY) as answer:
            assert answer.status == 200


def test_a_full_gateway_and_a_full_model_say_so() -> None:
    with running(Limits(concurrent=8, drain_seconds=1)) as gateway, ExitStack() as stack:
        for _ in range(8):
            assert held(gateway, stack, CLIENT_KEY).status == 200
        with request(gateway, "POST", PATH, GOOD) as answer:
            assert (answer.status, answer.getheader("retry-after")) == (503, "1")
            assert error_of(answer)["code"] == "busy"
        with request(gateway, "GET", "/healthz", key=None) as answer:
            assert answer.status == 200


def test_a_model_at_its_limit_says_so_and_other_models_are_served(gateway: Harness) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            assert held(gateway, stack, CLIENT_KEY).status == 200
        with request(gateway, "POST", PATH, GOOD) as answer:
            assert answer.status == 503
            assert CHAT in error_of(answer)["message"]
        with request(gateway, "POST", PATH, GOOD.replace(CHAT.encode(), b"tiny-vllm")) as answer:
            assert answer.status == 200
    eventually(lambda: gateway.count("freehold_gateway_open_requests") == 0)


def test_a_connection_too_many_is_refused() -> None:
    with running(Limits(connections=2, drain_seconds=1)) as gateway, ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(gateway.connect())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        third = stack.enter_context(gateway.connect())
        assert read_all(third).startswith(b"HTTP/1.1 503")
