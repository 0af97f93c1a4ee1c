"""What is said between the tables."""

from __future__ import annotations

FIRST = """\
# Metrics

Every name that Freehold shows, computes or reads. This page is written from the programs themselves by `python -m
monitoring.render`; a test keeps the two the same, and another refuses a rule or a panel that asks for a name that is
not here.

Every target has the labels `node` (the host's name in the fleet) and `instance`, beside those of the tables. Jobs:
`node`, `gpu`, `gateway`, `runtime` (with `model`, `engine` and `kind`), `blackbox` (with `probe`: `gateway` or
`certificate`), `prometheus`, `alertmanager`, `blackbox_exporter`, `dead_mans_switch`, `victoria_metrics`. Where GPUs
are simulated, `freehold_simulated{part="gpu"}` is 1: then no figure that rests on them is real, energy and cost among
them.
"""

RECORDED = """\
Prometheus computes these from both engines' pages, so that nothing behind them knows the engine. Rates are per
second, over the window in the name. Missing input makes a missing series, never a zero.

`prompt_tokens` counts every prompt token that was read, from the prefix cache or not, for both engines: vLLM has one
counter of all, llama.cpp one of those that it computed and one of those that it found in its cache.

A figure over a window (joules a token, cost) adds up the moments at which both sides are known. A restart of the
monitor, a hole, a new node or a new price bends nothing; what a window holds is what was seen in it, so an hour's
figure is there after minutes. At each edge of a hole a minute of hardware is counted too much: rates need two
minutes.

Cost is by the method of `python/freehold/cost/token_cost.py`: the purchase price of every node of the fleet, those in
maintenance too, in a straight line over its years; the GPUs' energy by their counters, times PUE, times tariff.
Nothing is counted for staff, network, rack, capital, or what a node draws beside its GPUs. Between input and output
the cost is divided by the engines' time in prefill and in decode; a shared batch is counted by each request in it, so
the division is an estimate, while the sum is not. Embeddings are input."""

GATEWAY = """\
Job `gateway`; on the node `127.0.0.1:<gateway_metrics_port>/metrics`, as Prometheus' text or, for who asks for it, as
OpenMetrics. Names and labels that begin with `gen_ai_` are those of OpenTelemetry's semantic conventions for
generative AI, metrics (semconv v1.37.0, status: development; read 2026-11), with dots as underscores and the unit at
the end; the bucket edges are theirs too. Their four
labels: `gen_ai_operation_name`, `gen_ai_provider_name` (`freehold`,
or the frontier provider that answered), `gen_ai_request_model` (as asked), `gen_ai_response_model` (who answered).
Labels hold names from the settings and fixed words, never what a client sent.

In OpenMetrics each bucket of the duration and of the time to first token carries an exemplar: `request_id` of the
last request that fell into it. The same id is in the access log, in the answer's `x-request-id`, and in the request
that the runtime got. A client may choose it: 8 to 64 letters, digits, `.`, `_` or `-` in `x-request-id`; anything
else is replaced."""

BEHIND = """\
Job `gateway`, where `fleet:frontier` names a provider. `model` is the name that was asked for; sums are those of this
gateway's ledger: the fleet's on the authority, the node's own elsewhere."""

GAPS = """\
## Declared gaps

What nobody shows, so that no panel makes it up.

| what | why |
|---|---|
| time to first token, by engine | llama.cpp has none; it is taken from the gateway for both |
| use of the KV cache with llama.cpp | its server has no such figure |
| `DCGM_FI_PROF_*` | NVML does not give them |
| energy of a node beside its GPUs | no meter is read |
| requests, each once, where nodes hand them on | both gateways count them; tokens are counted once |
| restarts of units whose page has no start time | the node exporter's collector of systemd is off |
| a file system that was read-only from the start | in the node exporter's sandbox many are; only a change counts |
| the first event of a counter that is born with it | a rate needs two samples; Xids' alerts know of it |
"""
