"""More words than fit into a metric's help: what its values mean, and what its labels hold."""

from __future__ import annotations

WORDS = {
    "freehold_sovereignty_check": "1 for the outcome of a check, 0 for the others (`ok`, `fail`, `unknown`, "
    "`not_applicable`); `owned` is what it is about: `weights`, `runtime`, `data_path`, `wrapper`, "
    "`embedding_sidecar`, `tunnel`, `supervisor`",
    "gen_ai_client_token_usage": "tokens of a request; `gen_ai_token_type` is `input` or `output`",
    "gen_ai_server_request_duration_seconds": "a whole request, until its last byte",
    "gen_ai_server_time_to_first_token_seconds": "a stream, until its first piece of text",
    "gen_ai_server_time_per_output_token_seconds": "a stream, each token after the first",
    "freehold_gateway_tokens_total": "tokens, by who pays; counted by the gateway that the client spoke to alone",
    "freehold_gateway_requests_total": "requests, by how they ended (499: the client went); `asked_by`: `client`, and "
    "`node` for those that another gateway handed over, which counts them as its client's",
    "freehold_gateway_refusals_total": "refusals and failures",
    "freehold_gateway_cut_answers_total": "answers that ended before their end; `by`: `client`, `slow_client`, "
    "`runtime`, `drain`",
    "freehold_gateway_open_requests": "requests being answered now",
    "freehold_ledger_writable": "1 while usage rows reach the disk; 0: local traffic goes on, nothing leaves",
    "freehold_ledger_pending_rows": "rows that are not on the disk yet",
    "freehold_ledger_lost_rows": "rows that could not be kept since the start",
    "freehold_gateway_replicas": "nodes that can answer, this one too; `state`: `known`, and `resting` after a failure",
    "freehold_gateway_keys_version": "the number of the last change of keys that is known here; the authority's, on a "
    "follower too",
    "freehold_gateway_authority_silent_seconds": "on a follower: since the authority was heard last",
    "freehold_gateway_follower_seconds": "on the authority: since a follower was heard last; Prometheus calls the "
    "label `exported_node`, for `node` is the authority's own",
    "freehold_gateway_follower_behind": "on the authority: changes of keys that a follower has not taken over; "
    "`exported_node` here, too",
    "freehold_gateway_leases_held": "on a follower: allowances that something may be taken of",
    "freehold_gateway_lease_asks_total": "on a follower: allowances asked for; `answer`: `lent`, `refused`, "
    "`unanswered`, `failed` (by its own ledger)",
    "freehold_gateway_leases_outstanding": "on the authority: allowances lent and not reported as done; those past "
    "their end count as spent",
    "freehold_gateway_connections": "open client connections",
    "freehold_simulated": "1 for each part that is not real",
    "freehold_frontier_decisions_total": "requests for a name that may leave, or with the header, by what became of "
    "them (`local`, `leaves`, `refused`) and why",
    "freehold_frontier_findings_total": "matches of the rules of what may never leave; of what they were there is no "
    "trace",
    "freehold_frontier_requests_total": "reservations, by how they ended (`answered`, `in doubt: ...`, `refused by "
    "the provider`, ...)",
    "freehold_frontier_reserved_tokens_total": "tokens reserved before sending",
    "freehold_frontier_reserved_nano_usd_total": "the same in nano-USD",
    "freehold_frontier_tokens_total": "tokens that it came to; in doubt: those that were reserved",
    "freehold_frontier_settled_nano_usd_total": "nano-USD that it came to",
    "freehold_frontier_window_tokens": "tokens of the share's window, reservations included; `route`: `frontier`, "
    "`local`",
    "freehold_frontier_share": "the part of them that left",
    "freehold_frontier_share_cap": "the most of it",
    "freehold_frontier_spent_usd": "money of this UTC day and month, reservations included",
    "freehold_frontier_cap_usd": "the most of it",
    "freehold_frontier_open_reservations": "reservations that are neither settled nor given back",
    "freehold_frontier_breaker": "1 for the state of a provider's breaker: `closed`, `open`, `half_open`",
}
