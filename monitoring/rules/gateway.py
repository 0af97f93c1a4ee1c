"""The gateway: what callers get, and how its books are.

A gateway that hands a request to a peer counts its tokens and times; the peer counts neither (its ``exchange.route`` is
empty), so sums over all gateways hold each token once. ``freehold_gateway_requests_total`` is counted by both.
"""

from __future__ import annotations

from monitoring.model import Recording, Subject

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
        "Requests a second by how they ended. One that was handed to a peer is counted by both gateways.",
        "sum by (model, status) (rate(freehold_gateway_requests_total[2m]))",
    ),
    Recording(
        "freehold:failed_requests:ratio5m",
        ("model",),
        "Part of the requests of 5 minutes that ended with a 5xx; absent while there are none at all.",
        """
        (
          sum by (model) (rate(freehold_gateway_requests_total{status=~"5.."}[5m]))
          or
          0 * sum by (model) (rate(freehold_gateway_requests_total[5m]))
        )
          / (sum by (model) (rate(freehold_gateway_requests_total[5m])) > 0)
        """,
    ),
    Recording(
        "freehold:requests_open",
        ("node", "model"),
        "Requests that a gateway answers now; one that it handed to a peer is open at both.",
        "sum by (node, model) (freehold_gateway_open_requests)",
    ),
)

SUBJECT = Subject("gateway", "The way in, and its books.", RECORDED)
