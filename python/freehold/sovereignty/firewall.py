"""The named counters of Freehold's own nftables tables (libnftables-json(5))."""

from __future__ import annotations

import json
from typing import Any

from freehold.process import ProcessError, Runner

PREFIX = "freehold"
SECONDS = 30.0
COMMAND = ("nft", "--json", "list", "counters")


def dropped(runner: Runner) -> dict[str, int]:
    """Packets by counter; none where ``nft`` is missing, has no right to look, or says what is no ruleset."""
    try:
        said = json.loads(runner(COMMAND, timeout=SECONDS).stdout)["nftables"]
        counters = [entry["counter"] for entry in said if "counter" in entry]
        return {one["name"]: int(one["packets"]) for one in counters if _is_ours(one)}
    except (ProcessError, ValueError, KeyError, TypeError):
        return {}


def _is_ours(counter: dict[str, Any]) -> bool:
    return str(counter["table"]).startswith(PREFIX)
