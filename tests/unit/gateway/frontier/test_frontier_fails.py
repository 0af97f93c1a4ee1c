"""Providers that fail, clients that leave, gateways that are killed: what is in doubt is spent, and said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.frontier.provider import Provider
from tests.unit.gateway.frontier.site import BEST, CHAT_COST, CLAUDE, SMALL, STRICT, Site, chat, site
from tests.unit.gateway.harness import CHAT, eventually

from freehold.gateway.config import Limits

BROKE, LEFT, UNCOUNTED = (
    "in doubt: the provider broke off", "in doubt: the client left", "in doubt: not counted exactly",
)  # fmt: skip


def worst(row: dict[str, Any]) -> bool:
    return (row["charged_tokens"], row["charged_nano_usd"]) == (row["worst_tokens"], row["worst_nano_usd"])


def breaker(here: Site, provider: str = "acme") -> str:
    found = [
        row.split('state="')[1].split('"')[0]
        for row in here.gateway.metrics().splitlines()
        if row.startswith("freehold_frontier_breaker{") and f'"{provider}"' in row and row.endswith(" 1.0")
    ]
    return found[0]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_without_an_exact_count_stands_at_its_reservation(here: Site, stream: bool) -> None:  # noqa: FBT001
    status, _, headers = here.ask(chat("uncounted", stream=stream))
    assert (status, headers["x-freehold-route"]) == (200, "frontier")
    (row,) = here.settled()
    assert (worst(row), row["outcome"], row["over"]) == (True, UNCOUNTED, 0)
    (use,) = here.usage(1)
    assert (use["nano_usd"], use["prompt"] + use["completion"]) == (row["worst_nano_usd"], row["worst_tokens"])
    here.agree()


@pytest.mark.parametrize(("path", "model"), [("/v1/chat/completions", BEST), ("/v1/messages", CLAUDE)])
def test_a_provider_that_dies_in_the_middle_leaves_one_clear_error_and_is_paid_for(
    here: Site, path: str, model: str
) -> None:
    status, said, _ = here.ask(chat("die", model, stream=True), path)
    assert status == 200
    assert "stopped in the middle of this answer" in said.strip().splitlines()[-1]
    (row,) = here.settled()
    assert (worst(row), row["outcome"]) == (True, BROKE)
    (use,) = here.usage(1)
    assert (use["cut"], use["status"]) == ("runtime", 200)
    assert len(here.provider.seen) == 1  # nothing is sent a second time


@pytest.mark.parametrize("words", ["die", "headless", "garbage", "status=500", "status=302", "mute"])
def test_without_a_byte_of_an_answer_the_local_model_answers_and_says_so(
    provider: Provider, ca: str, tmp_path: Path, words: str
) -> None:
    provider.ill = words
    with site(provider, ca, tmp_path, replace(Limits(), silence_seconds=1, drain_seconds=1)) as here:
        _, said, headers = here.ask(chat(stream=words == "headless"))
        assert (headers["x-freehold-route"], headers["x-freehold-frontier"]) == ("local", "provider_dark")
        assert "zw" in str(said) or "two" in str(said)
        (row,) = here.settled()
        assert (worst(row), row["outcome"].startswith(BROKE)) == (True, True)
        assert sorted(use["route"] for use in here.usage(2)) == ["frontier", "local"]
        here.agree()
        status, told, headers = here.ask(chat(model=STRICT, stream=words == "headless"))
        assert (status, told["error"]["code"], headers["retry-after"]) == (503, "frontier_provider_dark", "1")
        assert len(provider.seen) == 2
        assert here.decided(outcome="local", reason="provider_dark") == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_provider_refuses_of_the_client_goes_back_to_it_and_costs_nothing(here: Site, status: int) -> None:
    found, said, headers = here.ask(chat(f"status={status} temperature is too high"))
    assert (found, headers["x-freehold-route"]) == (status, None)
    assert said["error"]["message"].endswith("temperature is too high")
    (row,) = here.settled()
    assert (row["charged_nano_usd"], row["outcome"]) == (0, f"refused by the provider ({status})")
    assert [use["status"] for use in here.usage(1)] == [status]
    assert breaker(here) == "closed"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_is_the_owner_s_fault_is_told_to_the_journal_and_not_to_the_client(
    here: Site, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    found, said, _ = here.ask(chat(f"status={status} your key sk-123 is bad", STRICT))
    assert (found, said["error"]["code"]) == (502, "frontier_provider_dark")
    assert "sk-123" not in str(said)
    assert f"answers {status} to us" in caplog.text
    assert here.settled()[0]["charged_nano_usd"] == 0
    assert here.ask(chat(f"status={status}"))[2]["x-freehold-frontier"] == "provider_dark"


def test_a_provider_that_names_a_time_is_dark_until_then(here: Site) -> None:
    here.provider.headers = {"retry-after": "30"}
    here.provider.ill = "status=429"
    assert here.ask(chat())[2]["x-freehold-frontier"] == "provider_dark"
    assert breaker(here) == "open"
    here.provider.ill = ""
    status, _, headers = here.ask(chat(model=STRICT))
    assert (status, 29 <= int(headers["retry-after"]) <= 38) == (503, True)
    assert len(here.provider.seen) == 1
    assert breaker(here, "maker") == "closed"  # another provider is another matter
    assert here.settled()[0]["charged_nano_usd"] == 0


def test_a_dark_provider_is_asked_a_few_times_and_no_more(here: Site) -> None:
    here.provider.ill = "status=500"
    answers = [here.ask(chat())[2] for _ in range(40)]
    assert {one["x-freehold-frontier"] for one in answers} == {"provider_dark"}
    assert len(here.provider.seen) == 5  # Patience.failures
    assert breaker(here) == "open"
    assert sum(row["state"] == "settled" for row in here.settled(5)) == 5
    assert here.ask(chat(model=CHAT))[0] == 200


def test_good_answers_keep_the_breaker_closed(here: Site) -> None:
    for words in ("status=500", "fine") * 6:
        here.ask(chat(words))
    assert (len(here.provider.seen), breaker(here)) == (12, "closed")


def test_a_client_that_cuts_its_stream_pays_the_reservation_and_the_provider_is_not_blamed(here: Site) -> None:
    connection, answer = here.open(chat("hold", stream=True))
    assert b"from" in answer.read1(4096)
    answer.close()
    connection.close()
    (row,) = here.settled()
    assert (worst(row), row["outcome"]) == (True, LEFT)
    assert [use["cut"] for use in here.usage(1)] == ["client"]
    assert breaker(here) == "closed"
    here.agree()


def test_a_client_that_leaves_before_the_answer_too(here: Site) -> None:
    connection, _ = opened(here, chat("mute"))
    eventually(lambda: here.provider.seen)
    connection.close()
    (row,) = here.settled()
    assert (worst(row), row["outcome"]) == (True, LEFT)
    assert [use["status"] for use in here.usage(1)] == [499]


def opened(here: Site, body: dict[str, Any]) -> tuple[Any, None]:
    import http.client  # noqa: PLC0415  a request whose answer nobody waits for

    from tests.unit.gateway.frontier.site import MAY  # noqa: PLC0415

    connection = http.client.HTTPConnection(*here.gateway.addresses.public, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {MAY}"})
    return connection, None


def test_the_drain_cuts_a_stream_and_settles_before_the_end(provider: Provider, ca: str, tmp_path: Path) -> None:
    with site(provider, ca, tmp_path) as here:
        connection, answer = here.open(chat("hold", stream=True))
        answer.read1(4096)
        here.gateway.end()
        assert b"is being restarted" in answer.read()
        connection.close()
        here.gateway.thread.join(10)
        (row,) = here.exceptions()  # at once: the process would be gone
        assert (row["state"], worst(row), row["outcome"]) == ("settled", True, "in doubt: the gateway ended")


def test_what_stands_in_doubt_counts_for_the_key_s_day_beside_the_local_answer(here: Site) -> None:
    here.provider.ill = "status=500"
    for _ in range(3):  # each about 6,200 of 20,000, where a local answer alone is 14
        assert here.ask(chat(max_tokens=4000), key=SMALL)[2]["x-freehold-route"] == "local"
    assert here.ask(chat(max_tokens=4000), key=SMALL)[0] == 429


def test_an_error_in_a_stream_is_the_provider_s_and_in_doubt(here: Site) -> None:
    here.provider.ill = "error"
    _, said, _ = here.ask(chat(stream=True))
    assert "overloaded" in said
    (row,) = here.settled()
    assert (worst(row), row["outcome"]) == (True, BROKE)


def test_an_exact_answer_after_all_of_that_costs_what_it_costs(here: Site) -> None:
    here.ask(chat("die"))
    here.ask(chat())
    assert [row["charged_nano_usd"] for row in here.settled(2)][1] == CHAT_COST
