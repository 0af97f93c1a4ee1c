"""Which of the things that the owner owns a check is about: the label ``owned`` of its metric, and the board's rows."""

from __future__ import annotations

THINGS = ("weights", "runtime", "data_path", "wrapper", "embedding_sidecar", "tunnel", "supervisor")
"""Weights, runtime and data path are what is owned; the others are what could bring the rent back."""

OWNED = {
    "weights_digest": "weights",
    "no_route_out": "data_path",
    "no_third_party_host": "data_path",
    "phone_home_switches": "runtime",
}
"""Check to thing. Every check of :mod:`freehold.sovereignty.checks` is here, which a test holds."""
