"""Clients that ask all the while, so many times a second, whatever becomes of it; a line of JSON for each outcome.

They are the official SDKs without retries: nothing is mended behind the counter's back. The first line of standard
input says what to do. Once it is closed they begin nothing more, and end with the last answer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import anthropic
import httpx2
import openai
from tests.lab.sdk.talking import Json

LONGEST_SECONDS = 3600.0
ANSWER_SECONDS = 90.0
CUT_AFTER = 3
LONG = "Count from one to one thousand, in words, one a line."
MOST_OPEN = 200
"""More than a gateway that answers ever lets come together: who waits for so many has found something."""


@dataclass
class Outcome:
    """Times are seconds of the machine's monotonic clock; tokens are as the answer told them, -1 where it did not."""

    kind: str
    id: str
    endpoint: str
    begun: float
    ended: float = 0.0
    whole: bool = False  # answered, to its end
    status: int = 0  # of an answer that is an error
    code: str = ""  # of an error in the protocol's form
    raised: str = ""
    prompt: int = -1
    completion: int = -1


@dataclass
class Clients:
    """Both SDKs at one endpoint, over kept connections or a new one for each request."""

    endpoint: str
    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic

    @classmethod
    def of(cls, endpoint: str, key: str, *, kept: int) -> Clients:
        limits = httpx2.Limits(max_keepalive_connections=kept)
        one, other = (httpx2.AsyncClient(limits=limits, timeout=ANSWER_SECONDS) for _ in range(2))
        return cls(
            endpoint,
            openai.AsyncOpenAI(base_url=f"{endpoint}/v1", api_key=key, max_retries=0, http_client=one),
            anthropic.AsyncAnthropic(base_url=endpoint, api_key=key, max_retries=0, http_client=other),
        )


class Talks:
    """One method a kind; each fills in what it was told and raises what its SDK raises."""

    def __init__(self, asked: Json) -> None:
        self.chat, self.vectors, self.tokens = asked["chat"], asked["embedding"], asked["tokens"]

    def _said(self, outcome: Outcome) -> list[Any]:
        # Another beginning each time: conversations are shared out between the nodes by it.
        return [{"role": "user", "content": f"{outcome.id}: {LONG}"}]

    async def models(self, clients: Clients, outcome: Outcome) -> None:
        await clients.openai.models.list(extra_headers={"x-request-id": outcome.id})

    async def plain(self, clients: Clients, outcome: Outcome) -> None:
        answer = await clients.openai.chat.completions.create(
            model=self.chat, messages=self._said(outcome), max_tokens=4, extra_headers={"x-request-id": outcome.id}
        )
        assert answer.usage
        outcome.prompt, outcome.completion = answer.usage.prompt_tokens, answer.usage.completion_tokens

    async def stream(self, clients: Clients, outcome: Outcome) -> None:
        pieces = await clients.openai.chat.completions.create(
            model=self.chat, messages=self._said(outcome), max_tokens=self.tokens, stream=True,
            stream_options={"include_usage": True}, extra_headers={"x-request-id": outcome.id},
        )  # fmt: skip
        finished = False
        async for chunk in pieces:
            finished = finished or any(choice.finish_reason for choice in chunk.choices)
            if chunk.usage:
                outcome.prompt, outcome.completion = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        assert finished, "the stream ended without its end"

    async def messages(self, clients: Clients, outcome: Outcome) -> None:
        async with clients.anthropic.messages.stream(
            model=self.chat, messages=self._said(outcome), max_tokens=self.tokens,
            extra_headers={"x-request-id": outcome.id},
        ) as events:  # fmt: skip
            answer = await events.get_final_message()
        assert answer.stop_reason, "the stream ended without its end"
        usage = answer.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        outcome.prompt, outcome.completion = usage.input_tokens + cached, usage.output_tokens

    async def responses(self, clients: Clients, outcome: Outcome) -> None:
        async with clients.openai.responses.stream(
            model=self.chat, input=self._said(outcome)[0]["content"], max_output_tokens=self.tokens,
            extra_headers={"x-request-id": outcome.id},
        ) as events:  # fmt: skip
            answer = await events.get_final_response()
        assert answer.usage
        outcome.prompt, outcome.completion = answer.usage.input_tokens, answer.usage.output_tokens

    async def embeddings(self, clients: Clients, outcome: Outcome) -> None:
        answer = await clients.openai.embeddings.create(
            model=self.vectors, input=outcome.id, extra_headers={"x-request-id": outcome.id}
        )
        outcome.prompt, outcome.completion = answer.usage.prompt_tokens, 0

    async def cut(self, clients: Clients, outcome: Outcome) -> None:
        pieces = await clients.openai.chat.completions.create(
            model=self.chat, messages=self._said(outcome), max_tokens=self.tokens, stream=True,
            extra_headers={"x-request-id": outcome.id},
        )  # fmt: skip
        seen = 0
        async for _ in pieces:
            seen += 1
            if seen == CUT_AFTER:
                break
        await pieces.close()


def code_of(body: Any) -> str:
    """Return what an error of either protocol calls itself; nothing where it is none."""
    outer = body if isinstance(body, dict) else {}
    inner = outer["error"] if isinstance(outer.get("error"), dict) else outer
    return str(inner.get("code") or inner.get("type") or "")


async def told(talks: Talks, clients: Clients, outcome: Outcome) -> None:
    """Hold one talk and print what came of it."""
    try:
        await getattr(talks, outcome.kind)(clients, outcome)
        outcome.whole = True
    except (openai.APIError, anthropic.APIError) as error:
        outcome.raised, outcome.status = type(error).__name__, getattr(error, "status_code", 0)
        outcome.code = code_of(error.body)
    except (AssertionError, RuntimeError, httpx2.HTTPError) as error:
        outcome.raised = f"{type(error).__name__}: {error}"
    outcome.ended = time.monotonic()
    print(json.dumps(asdict(outcome)), flush=True)


def turns(asked: Json) -> Iterator[tuple[str, Clients]]:
    """Kinds and endpoints, each pair as often as any other; every second client keeps no connection."""
    clients = [Clients.of(url, asked["key"], kept=kept) for url in asked["urls"] for kept in (0, 20)]
    return itertools.cycle([(kind, one) for kind in asked["mix"] for one in clients])


async def main() -> None:
    loop = asyncio.get_running_loop()
    asked: Json = json.loads(sys.stdin.readline())
    ended = loop.run_in_executor(None, sys.stdin.read)
    talks, open_ones = Talks(asked), set[asyncio.Task[None]]()
    begun = loop.time()
    for number, (kind, clients) in enumerate(turns(asked)):
        if ended.done() or loop.time() > begun + LONGEST_SECONDS or len(open_ones) >= MOST_OPEN:
            break
        outcome = Outcome(kind, f"{asked['name']}-{number:06}", clients.endpoint, time.monotonic())
        task = asyncio.create_task(told(talks, clients, outcome))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)
        # By the clock and not by the answers: a gateway that is slow gets no fewer questions.
        await asyncio.sleep(max(0.0, begun + (number + 1) / asked["per_second"] - loop.time()))
    await asyncio.gather(*open_ones)


if __name__ == "__main__":
    asyncio.run(main())
