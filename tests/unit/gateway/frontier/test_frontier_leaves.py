"""A request that may leave does, once, reserved before and settled after, to the nano-dollar."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tests.unit.gateway.frontier.provider import Provider, serving
from tests.unit.gateway.frontier.site import (
    ASKED,
    BEST,
    CHAT_COST,
    CLAUDE,
    CLAUDE_COST,
    MAY,
    MAY_NOT,
    SECRET,
    SMALL,
    Site,
    chat,
    rows,
    site,
)  # fmt: skip
from tests.unit.gateway.harness import CHAT, eventually

from freehold.paths import PROJECT

CALLS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": chat(),
    "/v1/completions": {"model": BEST, "prompt": "hello", "max_tokens": 100},
    "/v1/responses": {"model": BEST, "input": "hello", "max_output_tokens": 100},
    "/v1/messages": chat(model=CLAUDE),
}


WHOSE = {"user": "u-17", "safety_identifier": "s", "prompt_cache_key": "p", "metadata": {"user_id": "m"}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", CALLS)
def test_it_leaves_and_is_on_record_at_its_exact_cost(here: Site, path: str, stream: bool) -> None:  # noqa: FBT001
    status, said, headers = here.ask({**CALLS[path], "stream": stream}, path)
    assert (status, "afar" in json.dumps(said)) == (200, True)
    there = "maker/claude-sonnet-4-5" if path == "/v1/messages" else "acme/big-1"
    assert (headers["x-freehold-route"], headers["x-freehold-model"]) == ("frontier", there)
    assert headers["x-freehold-frontier"] is None
    (row,) = here.settled()
    cost = CLAUDE_COST if path == "/v1/messages" else CHAT_COST
    assert (row["prompt"], row["cached"], row["completion"], row["charged_nano_usd"]) == (11, 4, 3, cost)
    assert (row["reason"], row["outcome"], row["over"]) == ("name", "answered", 0)
    assert row["worst_nano_usd"] > cost
    assert here.ask(chat(model=CHAT))[2]["x-freehold-route"] == "local"
    use, local = here.usage(2)  # and no second row of the recorder's
    assert local["route"] == "local"
    assert (use["route"], use["served"], use["prompt"], use["nano_usd"]) == ("frontier", there, 11, cost)
    here.agree()
    assert len(here.provider.seen) == 1
    assert here.decided(outcome="leaves", reason="all_conditions_held") == 1
    assert here.gateway.count("freehold_frontier_settled_nano_usd_total") == cost
    assert here.gateway.count("freehold_gateway_tokens_total", route="frontier", type="input") == 11
    seconds = "gen_ai_server_request_duration_seconds_count"
    names = (there.partition("/")[0], "freehold")
    assert [here.gateway.count(seconds, gen_ai_provider_name=name) for name in names] == [1, 1]


def test_the_reservation_is_on_the_disk_before_the_provider_hears_of_it(here: Site) -> None:
    here.provider.on_contact = lambda: [row["state"] for row in rows(here.path, "exceptions")]
    here.ask(chat())
    assert here.provider.at_contact == [["open"]]  # at the first byte of the connection
    assert here.provider.at_request == [["open"]]
    here.settled()


def test_what_leaves_is_bounded_kept_nowhere_and_holds_nothing_of_ours(here: Site) -> None:
    here.ask(
        {"model": BEST, "messages": [{"role": "user", "content": "hi"}], **WHOSE},
        x_request_id="id-of-the-client",
        x_own="1",
    )
    ((path, headers, body),) = here.provider.seen
    assert (path, headers["authorization"]) == ("/v1/chat/completions", f"Bearer {SECRET}")
    assert (body["model"], body["max_completion_tokens"], body["store"]) == ("big-1", 4096, False)
    assert body["service_tier"] == "default"
    assert not body.keys() & WHOSE.keys(), "which of the owner's people asks is nobody's business"
    known = {"host", "authorization", "content-type", "content-length", "accept-encoding", "user-agent"}
    assert set(headers) == known | {"x-client-request-id"}
    assert "freehold" not in json.dumps([headers, body])
    assert MAY not in json.dumps(headers)
    assert headers["x-client-request-id"] != "id-of-the-client"


def test_the_maker_of_messages_gets_its_own_headers(here: Site) -> None:
    here.ask(chat(model=CLAUDE), "/v1/messages", anthropic_version="2024-10-22")
    here.ask(chat(model=CLAUDE), "/v1/messages", anthropic_version="nonsense")
    (_, first, body), (_, second, _) = here.provider.seen
    assert (first["x-api-key"], first["anthropic-version"]) == (SECRET, "2024-10-22")
    assert second["anthropic-version"] == "2023-06-01"
    assert (body["max_tokens"], body["service_tier"]) == (100, "standard_only")
    assert "store" not in body


def test_a_stream_shows_its_count_only_to_who_asked(here: Site) -> None:
    _, plain, _ = here.ask(chat(stream=True))
    _, counted, _ = here.ask(chat(stream=True, stream_options={"include_usage": True}))
    assert ('"prompt_tokens": 11' in plain, '"prompt_tokens": 11' in counted) == (False, True)
    assert len(here.settled(2)) == 2


def test_choices_are_reserved_for_each(here: Site) -> None:
    here.ask(chat())
    here.ask(chat(n=3))
    one, three = here.settled(2)
    assert three["worst_tokens"] - one["worst_tokens"] == 200 + len(',"n":3')


def test_a_header_asks_where_the_route_waits_for_one(here: Site) -> None:
    _, _, kept = here.ask(chat(model=ASKED))
    assert (kept["x-freehold-route"], kept["x-freehold-frontier"], here.provider.connections) == ("local", None, 0)
    _, _, left = here.ask(chat(model=ASKED), x_freehold_frontier="allow")
    assert (left["x-freehold-route"], here.settled()[0]["reason"]) == ("frontier", "header")


def test_names_that_may_leave_are_told_to_those_who_may(here: Site) -> None:
    import http.client  # noqa: PLC0415  the only GET here

    told = {}
    for key in (MAY, MAY_NOT):
        connection = http.client.HTTPConnection(*here.gateway.addresses.public, timeout=5)
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        told[key] = {row["id"]: row["owned_by"] for row in json.loads(connection.getresponse().read())["data"]}
        connection.close()
    assert told[MAY][BEST] == "frontier: acme"
    assert told[MAY][CHAT] == told[MAY_NOT][CHAT] == "freehold"
    assert BEST not in told[MAY_NOT]
    status, said, _ = here.ask(chat(model="frontier/other"))
    assert (status, BEST in said["error"]["message"]) == (404, True)


def test_the_page_of_metrics_names_each_one_of_the_way_out_and_no_other(here: Site) -> None:
    types = re.findall(r"^# TYPE (freehold_frontier_\w+)", here.gateway.metrics(), re.MULTILINE)
    page = (PROJECT / "docs/metrics.md").read_text()
    named = {name for name in types if not name.endswith("_created")}
    assert set(re.findall(r"^\| `(freehold_frontier_\w+)` \|", page, re.MULTILINE)) == named


def test_counting_tokens_never_leaves(here: Site) -> None:
    status, _, headers = here.ask(chat(model=CLAUDE), "/v1/messages/count_tokens")
    assert (status, headers["x-freehold-frontier"], here.provider.connections) == (200, None, 0)


def test_what_left_counts_for_the_day_of_its_key(here: Site) -> None:
    statuses = [here.ask(chat(max_tokens=4000), key=SMALL)[0] for _ in range(3)]
    assert statuses == [200, 200, 200]  # each reserves about 6,500 and uses 14
    here.provider.ill = "uncounted"  # and now each stands at its worst case
    assert [here.ask(chat(max_tokens=4000), key=SMALL)[0] for _ in range(4)][-1] == 429
    assert len(here.provider.seen) < 7
    eventually(lambda: all(row["state"] == "settled" for row in here.exceptions()))


def test_on_the_loop_of_production_too(provider: Provider, ca: str, tmp_path: Path, other_certificates: Path) -> None:
    """uvloop has a TLS of its own."""
    with site(provider, ca, tmp_path / "good", loop=uvloop.new_event_loop) as here:
        for stream in (False, True):
            assert here.ask(chat(stream=stream))[2]["x-freehold-route"] == "frontier"
        assert [row["charged_nano_usd"] for row in here.settled(2)] == [CHAT_COST] * 2
        assert provider.connections == 1  # kept in between
        connection, answer = here.open(chat("hold", stream=True))
        answer.read1(4096)
        answer.close()
        connection.close()
        here.settled(3)
    crt, key = other_certificates / "tls.crt", other_certificates / "tls.key"
    with serving(crt, key) as other, site(other, ca, tmp_path / "bad", loop=uvloop.new_event_loop) as here:
        assert here.ask(chat())[2]["x-freehold-frontier"] == "provider_dark"
        assert other.seen == []


def test_a_gateway_without_a_frontier_loads_nothing_of_it() -> None:
    words = "import sys, freehold.gateway.server; print([m for m in sys.modules if 're2' in m or '.prices' in m])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
