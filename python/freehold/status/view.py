"""The tables of `freehold status`. Whatever rests on something simulated says so in its own row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from freehold.cost.token_cost import MINIMUM_WINDOW_SECONDS

COLOURS = {"ok": "green", "fail": "bold red", "unknown": "yellow", "not_applicable": "dim", "active": "green"}
VERDICT_COLOURS = {"SOVEREIGN": "bold green", "NOT SOVEREIGN": "bold red", "UNKNOWN": "bold yellow"}
SIMULATED = " (simulated)"
WHOLE = {"node", "endpoint", "model", "check", "subject", "outcome"}


def tables(report: Mapping[str, Any]) -> Group:
    """Everything, as one printable group."""
    return Group(*_parts(report))


def _parts(report: Mapping[str, Any]) -> Iterator[Table | Text]:
    yield _nodes(report)
    yield _models(report)
    yield _checks(report)
    yield _cost(report["energy_and_cost"])
    yield Text.assemble("Verdict of the first checks: ", (report["verdict"], VERDICT_COLOURS[report["verdict"]]))
    resting = [node["name"] for node in report["nodes"] if node["maintenance"]]
    note = f"; in maintenance: {', '.join(resting)}" if resting else ""
    serving = (f"every node serves{note}", "green") if report["serving"] else ("not every node serves", "bold red")
    yield Text.assemble("Health: ", serving)
    yield from (_not_following(node) for node in report["nodes"] if node["authority_silent_seconds"])
    if report["simulated"]:
        yield Text(
            f"Simulated in this fleet: {', '.join(report['simulated'])}. Figures marked so show the method only.",
            "yellow",
        )


def _not_following(node: Mapping[str, Any]) -> Text:
    text = f"{node['name']}: its gateway has not heard the authority for {node['authority_silent_seconds']:.0f} s: "
    text += "it goes on with the keys that it knows, and lets nothing leave. Look at freehold mesh status, and at "
    return Text(f"{text}journalctl -u freehold-gateway on {node['name']}.", "yellow")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=box.SIMPLE_HEAD)
    for column in columns:
        # Words that a user copies are never broken.
        table.add_column(column, no_wrap=column in WHOLE, overflow="fold")
    return table


def _nodes(report: Mapping[str, Any]) -> Table:
    table = _table("Nodes", "node", "endpoint", "services", "GPUs", "power", "first token", "tokens/s")
    for node in report["nodes"]:
        if not node["reachable"]:
            table.add_row(node["name"], node["endpoint"], _unread(node), "", "", "", "")
            continue
        table.add_row(node["name"], node["endpoint"], _services(node), *_gpus(node), *_probe(node["probe"]))
    return table


def _unread(node: Mapping[str, Any]) -> Text:
    return Text("in maintenance", "dim") if node["maintenance"] else Text(f"unknown: {node['error']}", "yellow")


def _services(node: Mapping[str, Any]) -> Text:
    states = node["services"]
    idle = [f"{name.removesuffix('.service')} {state}" for name, state in states.items() if state != "active"]
    if not states:
        return Text("none found", "yellow")
    if idle:
        return Text(", ".join(idle), "bold red")
    return Text(f"{len(states)} active", "green")


def _gpus(node: Mapping[str, Any]) -> tuple[str, str]:
    gpus = node["gpus"]
    if gpus is None:
        return f"unknown of {node['gpus_expected']}", ""
    mark = SIMULATED if gpus["simulated"] else ""
    model = (gpus["model"] or "").removesuffix(SIMULATED)
    watts = gpus["power_watts"]
    return f"{gpus['count']} of {node['gpus_expected']} {model}{mark}", f"{watts:.0f} W{mark}" if watts else "unknown"


def _probe(probe: Mapping[str, Any] | None) -> tuple[Text, Text]:
    if probe is None:
        return Text("no chat model"), Text("")
    if not probe["answered"]:
        return Text(f"no answer: {probe['error']}", "bold red"), Text("")
    rate = probe["tokens_per_second"]
    return Text(f"{probe['first_token_seconds']:.2f} s"), Text(f"{rate:.1f}" if rate else "too short")


def _models(report: Mapping[str, Any]) -> Table:
    table = _table("Models", "model", "kind", "engine", "digest", "on disk")
    for model in report["models"]:
        states = sorted(set(model["verified"].values()))
        seen = Text(", ".join(states) or "unknown", COLOURS[states[0]] if len(states) == 1 else "yellow")
        table.add_row(model["name"], model["kind"], model["engine"], model["digest"][:16] + "…", seen)
    return table


def _checks(report: Mapping[str, Any]) -> Table:
    table = _table("Sovereignty, first checks", "check", "subject", "outcome", "what was seen")
    for check in report["checks"]:
        outcome = Text(check["outcome"], COLOURS[check["outcome"]])
        table.add_row(check["id"], check["subject"], outcome, check["summary"])
    return table


def _cost(cost: Mapping[str, Any]) -> Table:
    mark = SIMULATED if cost["simulated"] else ""
    table = _table(f"Energy and cost so far{mark}", "what", "value", "from")
    for row in _cost_rows(cost, mark):
        table.add_row(*row)
    return table


def _cost_rows(cost: Mapping[str, Any], mark: str) -> Iterator[tuple[str, str, str]]:
    prices, currency, tokens = (
        cost["prices"],
        cost["prices"]["currency"],
        cost["prompt_tokens"] + cost["completion_tokens"],
    )
    missing = _missing(cost["window_seconds"], tokens)

    def per_million(value: float | None) -> str:
        return missing if value is None else f"{value:,.2f} {currency} per million tokens"

    per_token = cost["joules_per_token"]
    yield "window", f"{cost['window_seconds']:.0f} s", f"{cost['nodes_counted']} node(s), since the first status"
    yield "tokens", f"{cost['prompt_tokens']} in, {cost['completion_tokens']} out", "the gateway's counters"
    yield (
        f"energy{mark}",
        missing if cost["energy"] is None else f"{cost['joules']:,.0f} J",
        "the GPUs' energy counters",
    )
    yield f"energy a token{mark}", missing if per_token is None else f"{per_token:,.2f} J", "energy / tokens"
    tariff = f"PUE {prices['pue']} times {prices['electricity_per_kwh']} {currency}/kWh"
    yield f"electricity{mark}", per_million(cost["energy_per_million"]), tariff
    bought = f"{prices['node_purchase']:,.0f} {currency} a node over {prices['years']:g} years, straight line"
    yield f"hardware{mark}", per_million(cost["hardware_per_million"]), bought
    yield f"together{mark}", per_million(cost["total_per_million"]), cost["note"]


def _missing(seconds: float, tokens: int) -> str:
    if not tokens:
        return "no tokens counted yet"
    return f"not known: {seconds:.0f} s are too short for the energy counter, {MINIMUM_WINDOW_SECONDS:.0f} s are needed"
