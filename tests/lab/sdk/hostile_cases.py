"""What a hostile client sends, and what it must hear: bytes for the wire, the statuses that are right, the form.

Most of it is judged by unit tests as well; here it is the installed gateway that answers, over the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
OPENAI, ANTHROPIC = "openai", "anthropic"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """``drip`` follows ``send``, a byte each half second; the answer is due within ``seconds``."""

    name: str
    send: bytes
    statuses: frozenset[int]
    form: str = OPENAI
    drip: bytes = b""
    slow: bool = False
    seconds: float = 3.0


@dataclass(frozen=True)
class Wanted:
    """The lab's own: a key that is good, and the names of its models."""

    key: str
    chat: str

    def head(self, path: str, *more: str, method: str = "POST", version: str = "1.1") -> bytes:
        """A head without its last line."""
        lines = [f"{method} {path} HTTP/{version}", "Host: gateway", f"Authorization: Bearer {self.key}", *more, ""]
        return "\r\n".join(lines).encode()

    def whole(self, path: str, body: bytes, *more: str, method: str = "POST") -> bytes:
        """A request that is complete."""
        return self.head(path, f"Content-Length: {len(body)}", *more, method=method) + b"\r\n" + body

    def asks(self, path: str, **more: Any) -> bytes:
        """A good body for the path, with something wrong in it."""
        talk = [{"role": "user", "content": "hi"}]
        body: dict[str, Any] = {"model": self.chat, "max_tokens": 4, "messages": talk}
        if path == RESPONSES:
            body = {"model": self.chat, "max_output_tokens": 4, "input": talk}
        return json.dumps(body | more).encode()


def all_of(wanted: Wanted) -> list[Case]:
    """Every case; the slow ones first, since they last."""
    return [*slow(wanted), *framing(wanted), *bodies(wanted), *fields(wanted), *pictures(wanted), *paths(wanted)]


def slow(wanted: Wanted) -> Iterator[Case]:
    """Who takes time: the head has 10 seconds, the body 30."""
    late, trickle = frozenset({408}), b"x" * 200
    yield Case("slow head", b"GET /healthz HTTP/1.1\r\nX-", late, drip=trickle, slow=True, seconds=14)
    yield Case("no head at all", b"", late, slow=True, seconds=14)
    body = wanted.head(CHAT, "Content-Length: 5000") + b"\r\n" + b'{"model": "'
    yield Case("slow body", body, late, drip=trickle, slow=True, seconds=35)
    anthropic = wanted.head(MESSAGES, "Content-Length: 5000") + b"\r\n" + b'{"model": "'
    yield Case("slow body of messages", anthropic, late, ANTHROPIC, drip=trickle, slow=True, seconds=35)


def framing(wanted: Wanted) -> Iterator[Case]:
    """Where one request ends and the next begins is for nobody to argue about."""
    bad, good = frozenset({400}), wanted.asks(CHAT)
    smuggled = b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n"
    length = f"Content-Length: {len(good)}"
    for name, lines in {
        "length and chunks": (length, "Transfer-Encoding: chunked"),
        "chunks and length": ("Transfer-Encoding: chunked", length),
        "two lengths": (length, "Content-Length: 4"),
        "one length twice": (length, length),
        "a list of lengths": (f"Content-Length: {len(good)}, {len(good)}",),
        "a length with a sign": (f"Content-Length: +{len(good)}",),
        "a blank before the colon": (f"Content-Length : {len(good)}",),
        "a folded header": ("X-Note: a\r\n b", length),
        "a folded transfer coding": ("Transfer-Encoding:\r\n chunked",),
        "a bare CR": ("X-Note: a\rContent-Length: 4", length),
        "a bare LF": (f"X-Note: a\n{length}",),
        "a zero byte": ("X-Note: a\0b", length),
        "an unknown coding": ("Transfer-Encoding: xchunked",),
        "chunks that are not the last coding": ("Transfer-Encoding: chunked, identity",),
    }.items():
        yield Case(name, wanted.head(CHAT, *lines) + b"\r\n" + good + smuggled, bad)
    chunked = wanted.head(CHAT, "Transfer-Encoding: chunked") + b"\r\n"
    yield Case("a chunk's size in another form", chunked + b"0x4\r\n{   \r\n0\r\n\r\n", bad)
    yield Case("a chunk that is longer than it says", chunked + b"4\r\n{   }0\r\n\r\n" + smuggled, bad)
    yield Case("trailers without end", chunked + b"1\r\n{\r\n0\r\nX: " + b"x" * MIB, frozenset({431}))
    yield Case("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad)
    yield Case("HTTP/0.9", b"GET /v1/models\r\n\r\n", bad)
    yield Case("a greeting of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32, bad)
    yield Case("a header of a mebibyte", b"GET /healthz HTTP/1.1\r\nX: " + b"x" * MIB, frozenset({431}))
    yield Case("ten thousand headers", b"GET /healthz HTTP/1.1\r\n" + b"X: 1\r\n" * 10_000, frozenset({431}))


def bodies(wanted: Wanted) -> Iterator[Case]:
    """What is no JSON that we would judge, in both forms."""
    bad = frozenset({400})
    for form, path in ((OPENAI, CHAT), (ANTHROPIC, MESSAGES)):
        good = wanted.asks(path)
        start = good[:-1] + b', "x": '
        for name, body in {
            "deep": start + b"[" * 2000 + b"]" * 2000 + b"}",
            "crowded": start + b"[" + b"[]," * 60_000 + b"[]]}",
            "not UTF-8": good.replace(b'"hi"', b'"\xff\xfe"'),
            "a key twice": good[:-1] + b', "max_tokens": 100000}',
            "NaN": start + b"NaN}",
            "a number of 5000 digits": start + b"9" * 5000 + b"}",
            "no object": b"[]",
            "nothing": b"",
        }.items():
            yield Case(f"{name}, {form}", wanted.whole(path, body), bad, form)
        huge = wanted.head(path, f"Content-Length: {10**12}") + b"\r\n" + b"x" * MIB
        yield Case(f"a body of a terabyte, {form}", huge, frozenset({413}), form)
        chunks = wanted.head(path, "Transfer-Encoding: chunked") + b"\r\n" + (b"100000\r\n" + b"x" * MIB + b"\r\n") * 6
        yield Case(f"a body without end, {form}", chunks, frozenset({413}), form, seconds=5)


def fields(wanted: Wanted) -> Iterator[Case]:
    """Values and fields that would cost, or reach into the engine."""
    bad = frozenset({400})
    wrong: dict[str, Any] = {
        "n": 16384, "max_tokens": -1, "temperature": "hot", "stream": "yes", "top_logprobs": 10**9, "id_slot": 0,
        "vllm_xargs": {"a": 1}, "chat_template": "{{ x }}", "prompt_logprobs": 5, "logits_processors": ["a.b"],
        "kv_transfer_params": {"do_remote_prefill": True}, "n_predict": -1, "previous_response_id": "resp_1",
    }  # fmt: skip
    for name, value in wrong.items():
        yield Case(f"{name} of chat", wanted.whole(CHAT, wanted.asks(CHAT, **{name: value})), bad)
    absurd = wanted.asks(CHAT, max_tokens=10**30)
    yield Case("max_tokens beyond all numbers", wanted.whole(CHAT, absurd), bad)
    for name in ("id_slot", "vllm_xargs", "chat_template"):
        body = wanted.asks(MESSAGES, **{name: wrong[name]})
        yield Case(f"{name} of messages", wanted.whole(MESSAGES, body), bad, ANTHROPIC)
    negative = wanted.asks(MESSAGES, max_tokens=-1)
    yield Case("max_tokens of messages", wanted.whole(MESSAGES, negative), bad, ANTHROPIC)
    kept = wanted.asks(RESPONSES, background=True)
    yield Case("background of responses", wanted.whole(RESPONSES, kept), bad)


def pictures(wanted: Wanted) -> Iterator[Case]:
    """Addresses that the runtime would fetch."""
    for url in (
        "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:18000/metrics", "http://[::1]:8081/metrics",
        "http://10.0.0.1/a.png", "http://2130706433/", "file:///etc/freehold/credentials/internal-key",
        "http://gateway.invalid\\@169.254.169.254/", "ftp://192.168.0.1/a.png", "gopher://127.0.0.1:18000/_GET",
    ):  # fmt: skip
        part = {"type": "image_url", "image_url": {"url": url}}
        body = wanted.asks(CHAT, messages=[{"role": "user", "content": [part]}])
        yield Case(f"a picture at {url}", wanted.whole(CHAT, body), frozenset({400}))
        source = {"type": "image", "source": {"type": "url", "url": url}}
        other = wanted.asks(MESSAGES, messages=[{"role": "user", "content": [source]}])
        yield Case(f"a picture at {url}, anthropic", wanted.whole(MESSAGES, other), frozenset({400}), ANTHROPIC)


def paths(wanted: Wanted) -> Iterator[Case]:
    """What a runtime would open to anybody, other spellings of paths, and other methods."""
    unknown, good = frozenset({404}), wanted.asks(CHAT)
    for path in (
        "/metrics", "/slots", "/props", "/tokenize", "/detokenize", "/completion", "/infill", "/apply-template",
        "/lora-adapters", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/sleep", "/wake_up", "/is_sleeping",
        "/collective_rpc", "/server_info", "/reset_prefix_cache", "/start_profile", "/stop_profile", "/invocations",
        "/ping", "/version", "/load", "/pause", "/resume", "/scale_elastic_ep", "/init_weights", "/update_weights",
        "/inference/v1/generate", "/v1/score", "/rerank", "/v1/rerank", "/pooling", "/classify", "/score",
        "/v1/audio/transcriptions", "/v1/files", "/v1/responses/resp_1/cancel", "/docs", "/openapi.json",
    ):  # fmt: skip
        yield Case(f"path {path}", wanted.whole(path, good), unknown)
    for path in (
        "/v1/models/..%2f..%2fmetrics", "/v1/%2e%2e/metrics", "/v1/../metrics", "//metrics", "/v1//chat/completions",
        "/V1/chat/completions", "/v1/chat/completions/", "/v1/chat/completions;x", "/v1/chat%252fcompletions",
    ):  # fmt: skip
        yield Case(f"path {path}", wanted.whole(path, b"", method="GET"), unknown)
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        yield Case(f"{method} chat", wanted.whole(CHAT, b"", method=method), unknown)
    yield Case("CONNECT", b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n", frozenset({400, 404}))
    yield Case("an unknown method", b"BREW /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", frozenset({400}))
    keyless = wanted.whole(CHAT, good).replace(wanted.key.encode(), b"fh-" + b"a" * 43)
    yield Case("a key that is none", keyless, frozenset({401}))
    doubled = wanted.whole(CHAT, good, "x-api-key: fh-" + "a" * 43)
    yield Case("two keys that differ", doubled, frozenset({401}))
