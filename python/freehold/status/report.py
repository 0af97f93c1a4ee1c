"""From what the nodes said to what `freehold status` shows: one plain structure for the table and for ``--json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freehold.cost.token_cost import Prices, token_cost
from freehold.fleet.endpoint import endpoint
from freehold.sovereignty import judge as judges
from freehold.sovereignty.owner import Owner
from freehold.sovereignty.result import CheckResult, Outcome, verdict
from freehold.status import counters
from freehold.status.gather import NodeReading

MILLIJOULE = 1e-3
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
TOKENS = "gen_ai_client_token_usage_sum"
SILENT = "freehold_gateway_authority_silent_seconds"
SILENT_SECONDS = 60.0
"""A follower asks each second, and every four while it is not answered: a minute is no pause between two questions."""

IN, OUT = {"gen_ai_token_type": "input"}, {"gen_ai_token_type": "output"}


def build(
    document: Mapping[str, Any], readings: Sequence[NodeReading], switches: Mapping[str, Mapping[str, str]], kept: Path
) -> dict[str, Any]:
    """Judge the readings and price the tokens. ``kept`` is the folder of the tallies between two calls."""
    results = [result for reading in readings for result in judge(document, reading, switches)]
    nodes = [_node(document, reading) for reading in readings]
    return {
        "fleet": document["stack"],
        "simulated": list(document["simulated"]),
        "verdict": str(verdict(results)),
        "serving": any(map(_serves, nodes)) and all(_serves(node) or node["maintenance"] for node in nodes),
        "nodes": nodes,
        "models": _models(document, results),
        "checks": [result.as_json() for result in results],
        "energy_and_cost": _cost(document, readings, kept),
    }


def judge(
    document: Mapping[str, Any], reading: NodeReading, switches: Mapping[str, Mapping[str, str]]
) -> list[CheckResult]:
    """Run the first sovereignty checks on one node's facts."""
    at = datetime.fromtimestamp(reading.at, UTC).isoformat(timespec="seconds")
    name, facts = reading.name, reading.facts
    if reading.maintenance:
        return [CheckResult("node_readable", name, Outcome.NOT_APPLICABLE, str(facts["error"]), at)]
    if "error" in facts:
        return [CheckResult("node_readable", name, Outcome.UNKNOWN, str(facts["error"]), at)]
    return judges.judge(name, facts, Owner.of_document(document), switches, at)


def _node(document: Mapping[str, Any], reading: NodeReading) -> dict[str, Any]:
    host = next(host for host in document["hosts"] if host["name"] == reading.name)
    facts = reading.facts
    readable = "error" not in facts
    gpu = _text(facts, "gpu")
    units = facts["units"] if readable and "error" not in facts["units"] else {}
    return {
        "name": reading.name,
        "endpoint": endpoint(host, document["gateway"]["port"]),
        "reachable": readable,
        "maintenance": reading.maintenance,
        "error": None if readable else facts["error"],
        "os": facts["os"].get("PRETTY_NAME") if readable else None,
        "gpus": _gpus(gpu, "gpu" in document["simulated"]),
        "gpus_expected": host["gpus"],
        "services": {name: unit["ActiveState"] for name, unit in sorted(units.items()) if not _rests(unit)},
        "probe": reading.probe.as_json() if reading.probe else None,
        "authority_silent_seconds": _silent(_text(facts, "gateway")),
    }


def _silent(exposition: str | None) -> float | None:
    """For how long this node's gateway has not heard the authority; none where it hears it, or is the authority."""
    seconds = counters.total(exposition, SILENT) if exposition else None
    return seconds if seconds is not None and seconds > SILENT_SECONDS else None


def _rests(unit: Mapping[str, str]) -> bool:
    """A job that a timer starts is not there between two starts."""
    return unit.get("Type") == "oneshot" and unit["ActiveState"] != "failed"


def _serves(node: Mapping[str, Any]) -> bool:
    active = bool(node["services"]) and set(node["services"].values()) == {"active"}
    gpus = node["gpus"] is not None and node["gpus"]["count"] == node["gpus_expected"]
    return active and gpus and (node["probe"] is None or node["probe"]["answered"])


def _gpus(exposition: str | None, simulated_by_declaration: bool) -> dict[str, Any] | None:  # noqa: FBT001
    if exposition is None:
        return None
    said = counters.total(exposition, "freehold_simulated", part="gpu")
    return {
        "count": len(counters.labels(exposition, "DCGM_FI_DEV_GPU_TEMP")),
        "model": next((each["modelName"] for each in counters.labels(exposition, "DCGM_FI_DEV_GPU_TEMP")), None),
        "power_watts": counters.total(exposition, "DCGM_FI_DEV_POWER_USAGE"),
        "simulated": simulated_by_declaration or bool(said),
    }


def _text(facts: Mapping[str, Any], source: str) -> str | None:
    text = facts.get("metrics", {}).get(source)
    return text if isinstance(text, str) else None


def _models(document: Mapping[str, Any], results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    return [
        {
            "name": model["name"],
            "kind": model["kind"],
            "engine": model["engine"],
            "digest": document["bundle"]["models"][model["name"]]["digest"],
            "verified": {
                result.subject.split("/")[0]: str(result.outcome)
                for result in results
                if result.id == "weights_digest" and result.subject.endswith(f"/{model['name']}")
            },
        }
        for model in document["models"]
    ]


def _cost(document: Mapping[str, Any], readings: Sequence[NodeReading], kept: Path) -> dict[str, Any]:
    declared = document["prices"]
    prices = Prices(**{name: declared[name] for name in Prices.__dataclass_fields__})
    tallies = [tally for reading in readings if (tally := _tally(reading, kept))]
    window = counters.together([tally.window() for tally in tallies])
    cost = token_cost(window, prices, len(tallies))
    simulated = "gpu" in document["simulated"]
    return {
        "simulated": simulated,
        "note": "energy and cost rest on simulated GPUs: they show the method, not a price" if simulated else "",
        "nodes_counted": len(tallies),
        "nodes_unreadable": [
            reading.name for reading in readings if not (reading.maintenance or _counter(reading.at, reading.facts))
        ],
        "since": min((tally.since for tally in tallies), default=None),
        "window_seconds": window.seconds,
        "joules": window.joules,
        "prompt_tokens": window.prompt_tokens,
        "completion_tokens": window.completion_tokens,
        "prices": dict(declared),
        **cost.as_json(),
    }


def _tally(reading: NodeReading, kept: Path) -> counters.Tally | None:
    before, now = _counter(reading.before_at, reading.before), _counter(reading.at, reading.facts)
    if now is None:
        return None
    path = kept / f"{reading.name}.json"
    tally = counters.add(counters.load(path) or counters.begin(before or now), now)
    counters.save(path, tally)
    return tally


def _counter(at: float, facts: Mapping[str, Any]) -> counters.Reading | None:
    gpu, gateway = _text(facts, "gpu"), _text(facts, "gateway")
    energy = counters.total(gpu, ENERGY) if gpu else None
    if energy is None or gateway is None:
        return None
    return counters.Reading(
        # The counter is as old as the exporter's sample; with its age the window is that of the energy.
        at=at - (counters.total(gpu or "", "freehold_gpu_sample_age_seconds") or 0.0),
        joules=energy * MILLIJOULE,
        energy_id=",".join(sorted(each["UUID"] for each in counters.labels(gpu or "", ENERGY))),
        prompt_tokens=int(counters.total(gateway, TOKENS, **IN) or 0),
        completion_tokens=int(counters.total(gateway, TOKENS, **OUT) or 0),
        tokens_id=str(counters.total(gateway, "process_start_time_seconds")),
    )
