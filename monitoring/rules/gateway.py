"""The gateway: what callers get.

A gateway that hands a request to a peer counts its tokens and times; the peer counts neither (its ``exchange.route`` is
empty), so sums over all gateways hold each token once. ``freehold_gateway_requests_total`` is counted by both, and says
by ``asked_by`` who asked: what clients got are those that no node asked for. What a peer refused and another node then
answered is no failure.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject
from monitoring.rules.events import events

OF_CLIENTS = 'model!="",asked_by!="node"'
PERCENTILES = {"p50_5m": "0.5", "p95_5m": "0.95"}
TIMES = {
    "time_to_first_token": "A stream, until its first piece of text",
    "request_duration": "A whole request, until its last byte",
    "time_per_output_token": "A stream, each token after its first",
}


def _quantile(time: str, percentile: str) -> Recording:
    # A quantile of nothing is NaN, which is not >= 0: no request, no series.
    expr = f"""
        histogram_quantile(
          {PERCENTILES[percentile]},
          sum by (le, model) (
            label_replace(
              rate(gen_ai_server_{time}_seconds_bucket[5m]), "model", "$1", "gen_ai_response_model", "(.*)"
            )
          )
        ) >= 0
        """
    about = f"{TIMES[time]}: {percentile[1:3]} of 100 requests of the last 5 minutes took at most this, in seconds."
    return Recording(f"freehold:{time}_seconds:{percentile}", ("model",), about, expr)


RECORDED = (
    _quantile("time_to_first_token", "p50_5m"),
    _quantile("time_to_first_token", "p95_5m"),
    _quantile("request_duration", "p50_5m"),
    _quantile("request_duration", "p95_5m"),
    _quantile("time_per_output_token", "p95_5m"),
    Recording(
        "freehold:tokens:rate2m",
        ("model", "key", "type", "route"),
        "Tokens a second that were answered for, each once in the fleet: the gateway that the client spoke to counts.",
        "sum by (model, key, type, route) (rate(freehold_gateway_tokens_total[2m]))",
    ),
    Recording(
        "freehold:requests:rate2m",
        ("model", "status"),
        "Requests of clients a second by how they ended, each once in the fleet.",
        'sum by (model, status) (rate(freehold_gateway_requests_total{asked_by!="node"}[2m]))',
    ),
    Recording(
        "freehold:failed_requests:ratio5m",
        ("model",),
        "Part of the clients' requests of 5 minutes that ended with a 5xx; absent while there are none at all.",
        f"""
        (
          sum by (model) (rate(freehold_gateway_requests_total{{{OF_CLIENTS},status=~"5.."}}[5m]))
          or
          0 * sum by (model) (rate(freehold_gateway_requests_total{{{OF_CLIENTS}}}[5m]))
        )
          / (sum by (model) (rate(freehold_gateway_requests_total{{{OF_CLIENTS}}}[5m])) > 0)
        """,
    ),
    Recording(
        "freehold:requests_open",
        ("node", "model"),
        "Requests that a gateway answers now; one that it handed to a peer is open at both.",
        "sum by (node, model) (freehold_gateway_open_requests)",
    ),
)

CUT = events('freehold_gateway_cut_answers_total{by=~"runtime|drain|slow_client"}', "15m", "gateway")

ALERTS = (
    Alert(
        "FreeholdEndpointDown",
        "critical",
        config.BRIEF,
        'max by (node) (probe_success{probe="gateway"}) == 0',
        "{{ $labels.node }}: its endpoint does not answer",
        "Found: no good answer from its gateway for [[hold]], asked as a client asks. Expected: 200 from /healthz.",
    ),
    Alert(
        "FreeholdGatewayDown",
        "warning",
        config.BRIEF,
        'freehold:declared_node == 1 unless on (node) (up{job="gateway"} == 1)',
        "{{ $labels.node }}: its gateway tells no figures",
        "Found: no answer from the gateway's metrics for [[hold]]. Expected: its page. It may serve all the same.",
    ),
    Alert(
        "FreeholdRequestsFailing",
        "critical",
        config.A_WHILE,
        "freehold:failed_requests:ratio5m > [[ratio]]",
        "{{ $labels.model }}: requests fail",
        """Found: {{ $value | humanizePercentage }} of its requests ended with a 5xx, for [[hold]]. Expected: at most
        [[ratio]] of them.""",
        {"ratio": config.FAILED_RATIO},
        per_node=False,
    ),
    Alert(
        "FreeholdAnswersCut",
        "warning",
        config.AT_ONCE,
        f"sum by (node, model, by) {CUT} > [[cut]]",
        "{{ $labels.node }}: answers of {{ $labels.model }} end before their end",
        """Found: {{ $value | humanize }} answers cut by {{ $labels.by }} in 15 minutes. Expected: at most [[cut]].""",
        {"cut": config.CUT_ANSWERS},
    ),
    Alert(
        "FreeholdReplicasResting",
        "warning",
        config.A_WHILE,
        'max by (node) (freehold_gateway_replicas{state="resting"}) > [[resting]]',
        "{{ $labels.node }}: its gateway passes over other nodes",
        "Found: {{ $value }} replicas resting after failures, for [[hold]]. Expected: [[resting]].",
        {"resting": config.RESTING},
    ),
)

SUBJECT = Subject("gateway", "The way in.", RECORDED, ALERTS)
