"""The engines: two programs' counters under one set of names, so that nothing behind them knows the engine.

Names are those of llama.cpp's server (xllamacpp 2026.10.11549, its own page, read 2026-11) and of vLLM 0.32
(vllm/v1/metrics/loggers.py; prometheus_client adds ``_total`` to counters). vLLM's own label ``engine``, the number of
an engine core, comes in as ``exported_engine``: the target's ``engine`` is the program.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject

OF_MODEL = ("node", "model", "engine")


def _either(vllm: str, llama_cpp: str, labels: tuple[str, ...] = OF_MODEL) -> str:
    by = ", ".join(labels)
    return f"sum by ({by}) ({vllm})\nor\nsum by ({by}) ({llama_cpp})"


RECORDED = (
    Recording(
        "freehold:prompt_tokens:rate2m",
        OF_MODEL,
        "Prompt tokens a second that the engine read, those from its prefix cache included, as the gateway counts "
        "them. vLLM counts them so; llama.cpp counts computed and cached ones apart, and both are added.",
        _either(
            "rate(vllm:prompt_tokens_total[2m])",
            "rate(llamacpp:prompt_tokens_total[2m]) + rate(llamacpp:prompt_tokens_cached_total[2m])",
        ),
    ),
    Recording(
        "freehold:completion_tokens:rate2m",
        OF_MODEL,
        "Tokens a second that the engine generated; those of answers that nobody waited for are among them.",
        _either("rate(vllm:generation_tokens_total[2m])", "rate(llamacpp:tokens_predicted_total[2m])"),
    ),
    Recording(
        "freehold:requests_running",
        OF_MODEL,
        "Requests that the engine works at.",
        _either("vllm:num_requests_running", "llamacpp:requests_processing"),
    ),
    Recording(
        "freehold:requests_waiting",
        OF_MODEL,
        "Requests that wait for a place in the engine.",
        _either("vllm:num_requests_waiting", "llamacpp:requests_deferred"),
    ),
    Recording(
        "freehold:kv_cache_usage:ratio",
        ("node", "model"),
        "Part of the KV cache that is in use, of the fullest engine core; 1 is full. vLLM only.",
        "max by (node, model) (vllm:kv_cache_usage_perc)",
    ),
    Recording(
        "freehold:prefix_cache_hits:ratio5m",
        ("node", "model"),
        "Part of the prompt tokens that came from the prefix cache, over 5 minutes; absent while no prompt is read.",
        """
        sum by (node, model) (rate(vllm:prefix_cache_hits_total[5m]))
          / (sum by (node, model) (rate(vllm:prefix_cache_queries_total[5m])) > 0)
        or
        sum by (node, model) (rate(llamacpp:prompt_tokens_cached_total[5m]))
          / (
            sum by (node, model) (
              rate(llamacpp:prompt_tokens_total[5m]) + rate(llamacpp:prompt_tokens_cached_total[5m])
            ) > 0
          )
        """,
    ),
    Recording(
        "freehold:prefill_seconds:rate5m",
        OF_MODEL,
        "Time that requests spent in reading the prompt, in seconds a second, added over requests that ran side by "
        "side. vLLM counts a request when it has ended.",
        _either("rate(vllm:request_prefill_time_seconds_sum[5m])", "rate(llamacpp:prompt_seconds_total[5m])"),
    ),
    Recording(
        "freehold:decode_seconds:rate5m",
        OF_MODEL,
        "Time that requests spent in generating, in seconds a second, as above.",
        _either("rate(vllm:request_decode_time_seconds_sum[5m])", "rate(llamacpp:tokens_predicted_seconds_total[5m])"),
    ),
)

WHICH = "{{ $labels.model }} on {{ $labels.node }}"

ALERTS = (
    Alert(
        "FreeholdModelDown",
        "critical",
        config.COLD_START,
        'max by (model) (up{job="runtime"} unless on (node) (freehold:maintenance == 1)) == 0',
        "{{ $labels.model }}: no node serves it",
        "Found: none of its engines has answered for [[hold]]. Expected: at least one.",
        per_node=False,
    ),
    Alert(
        "FreeholdRuntimeDown",
        "warning",
        config.COLD_START,
        'max by (node, model, engine) (up{job="runtime"}) == 0',
        f"{WHICH} does not answer",
        "Found: no answer from its {{ $labels.engine }} for [[hold]]. Expected: an answer within a cold start.",
    ),
    Alert(
        "FreeholdQueueLong",
        "warning",
        config.A_WHILE,
        "freehold:requests_waiting > [[times]] * freehold:requests_running",
        f"{WHICH}: more requests wait than are worked at",
        """Found: {{ $value }} waiting for [[hold]]. Expected: at most [[times]] times those that are worked at.""",
        {"times": config.QUEUE_TIMES},
    ),
    Alert(
        "FreeholdKvCacheFull",
        "warning",
        config.A_WHILE,
        "freehold:kv_cache_usage:ratio > [[ratio]]",
        f"{WHICH}: its KV cache is full",
        "Found: {{ $value | humanizePercentage }} in use for [[hold]]. Expected: at most [[ratio]] of the cache.",
        {"ratio": config.KV_CACHE},
    ),
    Alert(
        "FreeholdFirstTokenSlow",
        "warning",
        config.A_WHILE,
        "freehold:time_to_first_token_seconds:p95_5m > [[seconds]]",
        "{{ $labels.model }}: callers wait long for the first word",
        """Found: {{ $value | humanizeDuration }} for the slowest 5 of 100 streams, for [[hold]]. Expected: at most
        [[seconds]] s.""",
        {"seconds": config.FIRST_TOKEN_SECONDS},
        per_node=False,
    ),
)

SUBJECT = Subject("runtime", "The engines that serve the models.", RECORDED, ALERTS)
