"""A gateway with its books: all counts agree, limits hold, commands are seen, aliases say who it was."""

from __future__ import annotations

import hashlib
import http.client
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, EMBEDDING, LARGE, OTHER_KEY, Harness, eventually, running
from tests.unit.gateway.test_gateway_counting import PATH, ask, chat, until

from freehold.gateway.config import GatewayConfig, Key, Limits
from freehold.ledger import clock as clocks
from freehold.ledger.audit import audit
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.store import Store

SPARSE = Key("sparse", hashlib.sha256(b"fh-sparse").hexdigest(), tokens_per_day=600)
NARROW = Key("narrow", hashlib.sha256(b"fh-narrow").hexdigest(), models=("best",), requests_per_minute=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "ledger.sqlite3"


@pytest.fixture
def gateway(path: Path) -> Iterator[Harness]:
    def with_books(config: GatewayConfig) -> GatewayConfig:
        keys = (*config.keys, SPARSE, NARROW)
        return replace(config, keys=keys, ledger=path, node="gpu1", aliases=(("best", CHAT), ("wide", LARGE)))

    with running(replace(Limits(), drain_seconds=1), changed=with_books) as harness:
        yield harness


def rows(path: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM usage ORDER BY rowid")]


def answered(gateway: Harness, body: dict[str, Any], key: str = CLIENT_KEY) -> tuple[int, dict[str, Any], Any]:
    connection, answer = ask(gateway, body, key=key)
    status, said, headers = answer.status, json.loads(answer.read()), answer.headers
    connection.close()
    return status, said, headers


def test_client_ledger_and_metrics_say_the_same(gateway: Harness, path: Path) -> None:
    _, said, _ = answered(gateway, chat("hello"))
    connection, answer = ask(gateway, chat("hello", stream=True, stream_options={"include_usage": True}))
    streamed = answer.read().decode()
    connection.close()
    (row, of_stream) = eventually(lambda: len(found := rows(path)) == 2 and found)
    usage = said["usage"]
    assert (row["prompt"], row["completion"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert f'"completion_tokens":{of_stream["completion"]}' in streamed.replace(" ", "")
    assert (row["route"], row["replica"], row["status"], row["key_name"]) == ("local", "gpu1", 200, "operator")
    for kind, column in (("input", "prompt"), ("output", "completion")):
        counted = gateway.count("freehold_gateway_tokens_total", key="operator", type=kind)
        assert counted == row[column] + of_stream[column]
    with Store.open(path) as store:
        assert audit(store) == []
    assert gateway.count("freehold_ledger_writable") == 1


def test_a_caller_that_sends_one_id_twice_is_counted_twice(gateway: Harness, path: Path) -> None:
    import http.client  # noqa: PLC0415  the only test that sets this header

    for _ in range(2):
        connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
        headers = {"Authorization": f"Bearer {CLIENT_KEY}", "X-Request-Id": "the-same-id"}
        connection.request("POST", "/v1/chat/completions", json.dumps(chat("hello")), headers)
        assert connection.getresponse().getheader("x-request-id") == "the-same-id"
        connection.close()
    found = eventually(lambda: len(found := rows(path)) == 2 and found)
    assert all(row["request_id"].startswith("the-same-id.") for row in found)


def test_an_alias_is_answered_by_its_model_which_is_named(gateway: Harness, path: Path) -> None:
    status, said, headers = answered(gateway, chat("hello", model="best"))
    assert (status, headers["x-freehold-model"]) == (200, CHAT)
    assert said["model"] == CHAT
    (row,) = eventually(lambda: rows(path))
    assert (row["asked"], row["served"]) == ("best", CHAT)


def test_an_unmapped_name_is_a_404_that_lists_what_there_is(gateway: Harness) -> None:
    status, said, _ = answered(gateway, chat("hello", model="gpt-9"))
    assert status == 404
    assert [name for name in (CHAT, "best", "wide") if name not in said["error"]["message"]] == []
    assert EMBEDDING not in said["error"]["message"]


def test_a_key_gets_its_models_and_hears_which_those_are(gateway: Harness, path: Path) -> None:
    assert answered(gateway, chat("hello", model="best"), "fh-narrow")[0] == 200
    status, said, _ = answered(gateway, chat("hello", model="wide"), "fh-narrow")
    assert (status, said["error"]["code"]) == (403, "model_not_allowed")
    assert "best" in said["error"]["message"]
    assert len(eventually(lambda: rows(path))) == 1, "what was not let in is in no book"


def test_requests_a_minute_and_tokens_a_day_are_held(gateway: Harness) -> None:
    assert [answered(gateway, chat("hi", model="best"), "fh-narrow")[0] for _ in range(3)] == [200, 200, 429]
    status, said, headers = answered(gateway, chat("hi", model="best"), "fh-narrow")
    assert (status, said["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 0 < int(headers["retry-after"]) <= 60
    # 600 a day: the worst case of one request with its whole context is let in, and settled to what it was.
    assert answered(gateway, chat("hi", max_tokens=50), "fh-sparse")[0] == 200
    status, said, headers = answered(gateway, chat("hi " * 400, max_tokens=500), "fh-sparse")
    assert (status, said["error"]["code"]) == (429, "request_over_limit")
    assert headers["retry-after"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_before_the_answer_has_used_up_what_the_prompt_can_be(
    gateway: Harness,
    path: Path,
    stream: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    def said(word: str) -> dict[str, Any]:
        body = chat(word, stream=stream, max_tokens=50)
        return {**body, "messages": [{"role": "user", "content": "x" * 200}, *body["messages"]]}

    assert answered(gateway, {**said("hi"), "stream": False}, "fh-sparse")[0] == 200, "the limit has room for two"
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
    connection.request("POST", PATH, json.dumps(said("wait")), {"Authorization": "Bearer fh-sparse"})
    eventually(lambda: len(gateway.runtime.seen) == 2)
    connection.close()
    eventually(lambda: len(rows(path)) == 2)
    assert rows(path)[1]["cut"] == "client"
    assert answered(gateway, {**said("hi"), "stream": False}, "fh-sparse")[0] == 429
    assert answered(gateway, {**said("hi"), "stream": False})[0] == 200


def test_a_key_that_a_command_makes_opens_within_seconds_and_closes_again(gateway: Harness, path: Path) -> None:
    key = "fh-by-command"
    with Store.open(path) as store:
        table = KeyTable(store, clocks.of_machine(store))
        assert answered(gateway, chat("hi"), key)[0] == 401
        table.create("alice", hashlib.sha256(key.encode()).hexdigest(), KeyLimits())
        eventually(lambda: answered(gateway, chat("hi"), key)[0] == 200)
        table.revoke("alice", "gone")
        eventually(lambda: answered(gateway, chat("hi"), key)[0] == 401)
    assert answered(gateway, chat("hi"), OTHER_KEY)[0] == 200


def test_an_answer_that_the_client_cuts_is_in_the_books_with_what_was_written(gateway: Harness, path: Path) -> None:
    connection, answer = ask(gateway, chat("hold", stream=True))
    until(answer, b"zw")
    connection.close()
    answer.close()
    (row,) = eventually(lambda: rows(path))
    assert row["cut"] == "client"
    with sqlite3.connect(path) as books:
        assert books.execute("SELECT sum(completion) FROM totals").fetchone() == (row["completion"],)


def test_without_a_ledger_answers_go_on_and_the_metric_says_so(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database" * 1000)
    with running(Limits(drain_seconds=1), changed=lambda config: replace(config, ledger=path)) as harness:
        assert answered(harness, chat("hello"))[0] == 200
        eventually(lambda: harness.count("freehold_ledger_lost_rows") == 1)
        assert harness.count("freehold_ledger_writable") == 0
