"""Every question of every panel is put to the lab's Prometheus, under load: what it should show, it shows."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host
from tests.lab.leaving import Client, key_of
from tests.lab.monitor import Monitor, Series
from tests.lab.steady import steady
from tests.lab.waiting import until
from tests.lab.world import Document, NodeOf, Outside

from freehold.lab import nvml
from freehold.lab.nvml.state import boot_clock
from freehold.report.model import Panel, Query
from freehold.report.panels import VIEWS
from freehold.status.gather import Access

PANELS = [panel for view in VIEWS for panel in view.panels]
LIMIT_SECONDS = 120
MIX = ("plain", "stream", "messages", "embeddings", "models")

# What this lab cannot show, whatever is asked of it, and why.
NOT_HERE = {
    "health-kv-cache": "vLLM alone says how full its cache is",
    "health-disk": "a lab node's disks are overlays and memory, which the panel leaves out",
    "sovereignty-not-good": "every check is good",
}
BUSY: dict[str, object] = {
    "gpu0.utilisation": 87,
    "gpu0.memory_utilisation": 40,
    "gpu0.memory_used": 98304,
    "gpu0.throttle_reasons": "0x4",  # the software's power cap: normal under load
    "gpu0.power": 640,
    "xid.1": "0:13",  # an application's fault
    "gpu0.ecc_dbe_volatile": 1,  # an alert at once, and gone with it
}


def filled(expression: str) -> str:
    return expression.replace("$node", ".*").replace("$model", ".*").replace("$__range", "10m")


@pytest.fixture(scope="module")
def ask(monitor: Monitor) -> Callable[[Query], Series]:
    """One question, as it stands in a panel."""
    return lambda query: monitor.query(filled(query.expr))[0]


@pytest.fixture(scope="module", autouse=True)
def busy_gpus(document: Document, node_of: NodeOf) -> Iterator[None]:
    """Simulated load and a fault on the first GPU of a node, by its runtime's process: the lab's engine uses none."""
    node = node_of(document["hosts"][-1]["name"])
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")
    pid = node.check_output(f"systemctl show --property=MainPID --value freehold-runtime@{chat}.service")
    before = node.file(str(nvml.STATE_PATH)).content_string
    put(node, nvml.change(before, {**BUSY, "process.1": f"0:{pid}:60000"}, boot_clock()))
    try:
        yield
    finally:
        now = node.file(str(nvml.STATE_PATH)).content_string
        put(node, nvml.change(now, dict.fromkeys([*BUSY, "process.1"]), boot_clock()))


def put(node: Host, state: str) -> None:
    """Write what the simulated GPUs show, in one move."""
    text = b64encode(state.encode()).decode()
    path = nvml.STATE_PATH
    node.check_output(f"echo {text} | base64 -d > {path}.new && chmod 644 {path}.new && mv {path}.new {path}")


@pytest.fixture(scope="module", autouse=True)
def load(document: Document, access: Access, outside: Outside, endpoint: str) -> Iterator[None]:
    """Clients of all protocols ask every node, and some by the way out, while the panels are looked at."""
    urls = [f"http://{host['serve_address']}:{document['gateway']['port']}" for host in document["hosts"]]
    with (
        steady(document, access.client_key, urls, name="panels", mix=MIX, per_second=3) as traffic,
        key_of("panels-trial", "--frontier") as key,
    ):
        away = Client(outside, endpoint, key)
        until(away.knows, "the gateway knows the key", 30)
        assert away.ask("frontier/always").route == "frontier"
        hang_up(outside, endpoint, access.client_key, document)
        refused(outside, endpoint, access.client_key)
        traffic.wait_for_more()
        yield


def hang_up(outside: Outside, endpoint: str, key: str, document: Document) -> None:
    """A client that goes in the middle of its answer."""
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")
    body = {"model": chat, "stream": True, "max_tokens": 400, "messages": [{"role": "user", "content": "Count."}]}
    words = ("curl", "-sN", "--max-time", "1", "-H", f"x-api-key: {key}", "--json", json.dumps(body))
    outside(*words, f"{endpoint}/chat/completions")


def refused(outside: Outside, endpoint: str, key: str) -> None:
    """A client that asks for a model that nobody has: reasons are counted from their first refusal on."""
    assert Client(outside, endpoint, key).ask("no-such-model").status == 404


def numbers(series: Series) -> list[float]:
    return [float(one["value"][1]) for one in series]


def fault(panel: Panel, answers: list[Series]) -> str:
    """Why a panel shows nothing of worth; empty where it shows something."""
    values = [value for series in answers for value in numbers(series)]
    if not values:
        return "" if panel.id in NOT_HERE else "no series"
    if any(math.isnan(value) or math.isinf(value) for value in values):
        return "a value that is none"
    return "" if any(values) or panel.may_be_zero else "nothing but zeros"


def test_every_panel_shows_what_it_should(monitor: Monitor) -> None:
    """Until the last window has filled: a rate needs two scrapes, what is rare is sampled each minute."""
    questions = [(panel, query) for panel in PANELS for query in panel.queries]

    def looked() -> dict[str, str]:
        answers = monitor.query(*(filled(query.expr) for _, query in questions))
        by_panel: dict[str, list[Series]] = {}
        for (panel, _), series in zip(questions, answers, strict=True):
            by_panel.setdefault(panel.id, []).append(series)
        told = {panel.id: fault(panel, by_panel[panel.id]) for panel in PANELS}
        return {name: why for name, why in told.items() if why}

    last: dict[str, str] = {}

    def fine() -> bool:
        last.clear()
        last.update(looked())
        return not last

    try:
        until(fine, "panels", LIMIT_SECONDS)
    except AssertionError:
        pytest.fail(f"of {len(PANELS)} panels {len(last)} show nothing of worth: {last}")


def test_what_cannot_be_here_is_not_here(ask: Callable[[Query], Series]) -> None:
    """The control: a panel of that list that shows something after all does not belong there."""
    for panel in PANELS:
        if panel.id in NOT_HERE:
            assert not any(ask(query) for query in panel.queries), panel.id


def test_a_series_that_nobody_has_is_found(ask: Callable[[Query], Series]) -> None:
    """The control of the control."""
    panel = PANELS[0]
    assert fault(panel, [ask(Query("freehold_no_such_series"))]) == "no series"
    assert fault(panel, [ask(Query("vector(0)"))]) == ("" if panel.may_be_zero else "nothing but zeros")


def test_legends_name_labels_that_are_there(monitor: Monitor) -> None:
    """A legend of a label that the answer lacks would be half empty."""
    questions = [(panel, query) for panel in PANELS for query in panel.queries]
    answers = monitor.query(*(filled(query.expr) for _, query in questions))
    wrong = []
    for (panel, query), series in zip(questions, answers, strict=True):
        wanted = {part.partition("}}")[0].strip() for part in query.legend.split("{{")[1:]}
        # What stands for a check that nobody wrote yet is of no node.
        named = [one["metric"] for one in series if one["metric"].get("check") != "no check yet"]
        wrong += [f"{panel.id}: {query.legend}: {labels}" for labels in named if not wanted <= set(labels)][:1]
    assert wrong == []
