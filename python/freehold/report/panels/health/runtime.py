"""The engines: how fast they answer, how much waits, how full they are."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import BOTH, MODEL, NO_LOAD, ONLY_VLLM

_BUCKETS = "From the buckets of the gateways' histograms over five minutes: between two edges it is an estimate."

RUNTIME = Row(
    "Engines",
    (
        Panel(
            id="health-first-token",
            title="Time to first token",
            about=f"Streams only, until the first piece of text, as the gateways saw it. {_BUCKETS}",
            kind="series",
            unit=Unit.SECONDS,
            queries=(
                Query(f"freehold:time_to_first_token_seconds:p50_5m{{{MODEL}}}", "{{model}} half"),
                Query(f"freehold:time_to_first_token_seconds:p95_5m{{{MODEL}}}", "{{model}} 95 %"),
            ),
            may_be_empty=NO_LOAD,
            links=("FreeholdFirstTokenSlow",),
        ),
        Panel(
            id="health-duration",
            title="Whole request",
            about=f"Until the last byte, embeddings too. {_BUCKETS}",
            kind="series",
            unit=Unit.SECONDS,
            queries=(
                Query(f"freehold:request_duration_seconds:p50_5m{{{MODEL}}}", "{{model}} half"),
                Query(f"freehold:request_duration_seconds:p95_5m{{{MODEL}}}", "{{model}} 95 %"),
            ),
            may_be_empty=NO_LOAD,
        ),
        Panel(
            id="health-per-token",
            title="Each token after the first, 95 %",
            about=f"Streams only. {_BUCKETS}",
            kind="series",
            unit=Unit.SECONDS,
            queries=(Query(f"freehold:time_per_output_token_seconds:p95_5m{{{MODEL}}}", "{{model}}"),),
            may_be_empty=NO_LOAD,
        ),
        Panel(
            id="health-tokens",
            title="Tokens a second",
            about="By the engines' own counters. llama.cpp leaves prompt tokens out that its cache had; vLLM counts "
            "them.",
            kind="series",
            unit=Unit.TOKENS_PER_SECOND,
            queries=(
                Query(f"freehold:prompt_tokens:rate2m{{{BOTH}}}", "{{node}} {{model}} in"),
                Query(f"freehold:completion_tokens:rate2m{{{BOTH}}}", "{{node}} {{model}} out"),
            ),
            links=(
                "FreeholdRuntimeDown",
                "FreeholdModelDown",
            ),
        ),
        Panel(
            id="health-running",
            title="Requests at work",
            about="In the engines, now.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(Query(f"freehold:requests_running{{{BOTH}}}", "{{node}} {{model}}"),),
            decimals=0,
            may_be_zero="Short requests fall between two looks at the engine.",
        ),
        Panel(
            id="health-waiting",
            title="Requests that wait",
            about="In the engines' queues, now. The gateway has a queue of its own before them.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(Query(f"freehold:requests_waiting{{{BOTH}}}", "{{node}} {{model}}"),),
            decimals=0,
            may_be_zero="An engine that keeps up has no queue.",
            links=("FreeholdQueueLong",),
        ),
        Panel(
            id="health-kv-cache",
            title="Use of the KV cache",
            about="Part of the engine's memory for running requests that is taken. Full means that requests wait.",
            kind="series",
            unit=Unit.RATIO,
            queries=(Query(f"freehold:kv_cache_usage:ratio{{{BOTH}}}", "{{node}} {{model}}"),),
            decimals=0,
            may_be_zero="Between two requests nothing is held.",
            may_be_empty=ONLY_VLLM,
            links=("FreeholdKvCacheFull",),
        ),
        Panel(
            id="health-prefix-cache",
            title="Prompt tokens that the cache had",
            about="Part of the looked-up prompt tokens that need not be computed again, over five minutes.",
            kind="series",
            unit=Unit.RATIO,
            queries=(Query(f"freehold:prefix_cache_hits:ratio5m{{{BOTH}}}", "{{node}} {{model}}"),),
            decimals=0,
            may_be_zero="Prompts that have nothing in common hit no cache.",
            may_be_empty=ONLY_VLLM,
        ),
    ),
)
