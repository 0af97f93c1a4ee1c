"""The parts of the way out by themselves: bodies, counts, streams cut anywhere, names, waiting."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.frontier.provider import events, whole

from freehold.errors import FreeholdError
from freehold.gateway.config import Limits
from freehold.gateway.config_frontier import Provider, Route
from freehold.gateway.frontier.ends import End, context_of, key_of
from freehold.gateway.frontier.meters import meter_of
from freehold.gateway.frontier.outgoing import measured, outgoing
from freehold.gateway.frontier.reading import counts_of
from freehold.gateway.frontier.resolver import FRESH_SECONDS, Resolver
from freehold.gateway.frontier.ways import Way
from freehold.gateway.policy.breaker import Breaker, Patience, State
from freehold.gateway.pool import Pool
from freehold.prices.cost import Counts

CHAT, COMPLETIONS, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
EXACT = Counts(11, 3, 4)
PROVIDER = Provider("acme", "openai", "https://api.example.com/v1", "acme", "")


@pytest.mark.parametrize(
    ("path", "given", "field", "limit"),
    [
        (CHAT, {}, "max_completion_tokens", 4096),
        (CHAT, {"max_tokens": 7}, "max_tokens", 7),
        (CHAT, {"max_tokens": 7, "max_completion_tokens": 9}, "max_completion_tokens", 7),
        (CHAT, {"max_tokens": None}, "max_completion_tokens", 4096),
        (COMPLETIONS, {}, "max_tokens", 4096),
        (RESPONSES, {"max_output_tokens": 5}, "max_output_tokens", 5),
        (MESSAGES, {"max_tokens": 5}, "max_tokens", 5),
    ],
)
def test_one_limit_leaves_and_it_is_the_one_that_was_reserved_for(
    path: str, given: dict[str, Any], field: str, limit: int
) -> None:
    body = {**HELLO, **given}
    before = copy.deepcopy(body)
    measure = measured(body, path)
    assert measure is not None
    sent = outgoing(body, path, "there", measure)
    limits = {name: value for name, value in sent.items() if name.startswith("max_")}
    assert (limits, measure.completion, sent["model"], body) == ({field: limit}, limit, "there", before)


@pytest.mark.parametrize(
    ("more", "times"),
    [({}, 1), ({"n": 4}, 4), ({"n": 2, "best_of": 5}, 5), ({"prompt": ["a", "b", "c"]}, 3), ({"prompt": [1, 2]}, 1)],
)
def test_all_that_is_written_is_counted(more: dict[str, Any], times: int) -> None:
    measure = measured({"model": "m", "prompt": "a", "max_tokens": 10, **more}, COMPLETIONS)
    assert measure is not None
    assert measure.completion == 10 * times


def test_an_echo_is_written_too_and_embeddings_write_nothing() -> None:
    plain, echoed = (measured({"prompt": "a", "max_tokens": 10, "echo": echo}, COMPLETIONS) for echo in (False, True))
    assert plain is not None
    assert echoed is not None
    assert echoed.completion - plain.completion == echoed.prompt
    made = measured({"input": "a"}, "/v1/embeddings")
    assert made is not None
    assert made.completion == 0


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES])
def test_counts_of_whole_answers_are_exact(path: str) -> None:
    assert counts_of(path, whole(path, HELLO, "")) == EXACT


def test_what_was_written_into_a_cache_is_told_by_how_long_it_is_kept() -> None:
    assert counts_of(MESSAGES, whole(MESSAGES, HELLO, "")) == Counts(11, 3, 4, 1, 1)
    untold = {"input_tokens": 3, "cache_creation_input_tokens": 5, "output_tokens": 1}
    assert counts_of(MESSAGES, {"usage": untold}) == Counts(8, 1, 0, 0, 5), "for as long as costs most"


@pytest.mark.parametrize(
    "usage",
    [
        None, [], {}, {"prompt_tokens": 3}, {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": -1, "completion_tokens": 1}, {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 3.0, "completion_tokens": 1}, {"prompt_tokens": 10**11, "completion_tokens": 1},
        {"prompt_tokens": "3", "completion_tokens": 1},
    ],
)  # fmt: skip
def test_what_is_no_count_is_none(usage: Any) -> None:
    assert counts_of(CHAT, {"usage": usage}) is None


def test_more_kept_for_an_hour_than_was_written_is_no_count() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 9}}
    assert counts_of(MESSAGES, {"usage": usage}) is None


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES, MESSAGES])
def test_a_stream_is_counted_wherever_the_network_cuts_it(path: str, size: int) -> None:
    body = {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    meter = meter_of(path, body)
    assert meter is not None
    raw = b"".join(events(path, body, ""))
    out = b"".join(meter.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    assert (out, meter.done, meter.began, meter.exact) == (raw, True, True, True)
    assert (meter.usage.prompt, meter.usage.cached, meter.usage.completion) == (11, 4, 3)


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
def test_a_stream_without_its_end_has_no_exact_count(path: str) -> None:
    body = {**HELLO, "stream": True, "stream_options": {"include_usage": True}}
    meter = meter_of(path, body)
    assert meter is not None
    for event in list(events(path, body, ""))[:-1]:
        meter.feed(event)
    assert (meter.counts, meter.done) == (None, False)


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
def test_an_error_in_a_stream_ends_it_without_a_count(path: str) -> None:
    meter = meter_of(path, {**HELLO, "stream": True})
    assert meter is not None
    told = json.dumps({"type": "error", "error": {"message": "overloaded"}})
    meter.feed(f"event: error\ndata: {told}\n\n".encode())
    assert (meter.done, meter.failed, meter.counts) == (True, True, None)


def test_names_are_resolved_off_the_loop_and_remembered_for_a_moment() -> None:
    clock, asked = [0.0], []

    async def lookup(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", (address, port)) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "a", "b")]

    async def main() -> None:
        resolver = Resolver(lambda: clock[0], lookup)
        for _ in range(2):
            found = await resolver.addresses("api.example.com", 443)
            assert found == (("192.0.2.1", 443), ("192.0.2.2", 443), ("a", 443))
        clock[0] = FRESH_SECONDS
        await resolver.addresses("api.example.com", 443)
        assert await resolver.addresses("127.0.0.1", 1) == (("127.0.0.1", 1),)

    asyncio.run(main())
    assert asked == ["api.example.com"] * 2


def test_who_asks_for_a_name_that_is_being_asked_for_waits_with_it() -> None:
    asked = []

    async def main() -> None:
        answer = asyncio.Event()

        async def lookup(host: str, port: int) -> list[Any]:
            asked.append(host)
            await answer.wait()
            if len(asked) == 1:
                raise OSError(host)
            return [(2, 1, 6, "", ("192.0.2.1", port))]

        resolver = Resolver(lambda: 0.0, lookup)
        waiting = [asyncio.create_task(resolver.addresses("api.example.com", 443)) for _ in range(20)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # one that leaves takes nothing from the others
        await asyncio.sleep(0)
        answer.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in told] == [asyncio.CancelledError, *[OSError] * 19]
        assert await resolver.addresses("api.example.com", 443) == (("192.0.2.1", 443),)

    asyncio.run(main())
    assert len(asked) == 2


def test_an_address_that_swallows_everything_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    async def lookup(host: str, port: int) -> list[Any]:
        del host
        return [(2, 1, 6, "", (address, port)) for address in ("192.0.2.1", "192.0.2.2")]

    async def reach(self: Pool, address: tuple[str, int], secure: object) -> Any:
        del self, secure
        tried.append(address[0])
        if address[0] == "192.0.2.1":
            await asyncio.Event().wait()
        return object()

    async def main() -> None:
        monkeypatch.setattr(Pool, "reach", reach)
        clock = lambda: 0.0  # noqa: E731
        limits = Limits(connect_seconds=1)
        end = End(PROVIDER, "k", Breaker(clock, clock), Resolver(clock, lookup), limits, context_of(PROVIDER))
        await end.reach()

    asyncio.run(main())
    assert tried == ["192.0.2.1", "192.0.2.2"]


def test_a_name_that_nobody_knows_is_not_reached() -> None:
    async def nobody(host: str, port: int) -> list[Any]:
        raise OSError(host, port)

    async def main() -> None:
        clock = lambda: 0.0  # noqa: E731
        end = End(PROVIDER, "k", Breaker(clock, clock), Resolver(clock, nobody), Limits(), context_of(PROVIDER))
        with pytest.raises(OSError, match=r"api\.example\.com"):
            await end.reach()

    asyncio.run(main())


def test_a_provider_that_names_a_time_is_left_alone_for_that_time() -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0], lambda: 0.0, Patience())
    permit = breaker.take()
    assert permit is not None
    breaker.told_to_wait(permit, 30)
    assert (breaker.state, breaker.wait) == (State.OPEN, 30)
    now[0] = 30.0
    trial = breaker.take()
    assert trial is not None
    assert trial.trial
    breaker.told_to_wait(trial, 10_000)
    assert breaker.wait == Patience().longest  # within reason
    breaker.told_to_wait(permit, 1)  # of before the opening: it changes nothing
    assert breaker.wait == Patience().longest


def test_an_authority_that_is_none_is_refused() -> None:
    with pytest.raises(FreeholdError, match="CONFIG_BAD_VALUE"):
        context_of(Provider("acme", "openai", "https://x/v1", "acme", "", ca="nonsense"))


@pytest.mark.parametrize(
    ("text", "key"), [("good\n", "good"), ("", ""), ("two words", ""), ("a\r\nx-evil: 1", ""), ("grün", "")]
)
def test_only_what_a_header_can_carry_is_a_key(tmp_path: Path, text: str, key: str) -> None:
    (tmp_path / "acme").write_text(text)
    assert key_of(PROVIDER, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == key
    assert key_of(PROVIDER, {}) == ""


def test_a_request_beyond_all_measure_has_no_worst_case() -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from tests.unit.gateway.frontier import provider  # noqa: PLC0415
    from tests.unit.gateway.frontier.site import BEST, exception  # noqa: PLC0415

    from freehold.gateway.frontier.ways import ways_of  # noqa: PLC0415

    way = ways_of(exception(provider.Provider(), ""))[BEST]
    now = datetime(2026, 11, 21, tzinfo=UTC)
    small = measured({"prompt": "a", "max_tokens": 10}, COMPLETIONS)
    huge = measured({"prompt": ["a"] * 128, "max_tokens": 10 * 2**20, "n": 128}, COMPLETIONS)
    assert way.worst(small, now) is not None
    assert way.worst(huge, now) is None
    assert Way(Route("a", "acme", "b", "c", always=True, dark="refuse"), PROVIDER, None).worst(small, now) is None
