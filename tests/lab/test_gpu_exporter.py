"""The simulated NVML of a node crashes, hangs, is replaced, loses a GPU: its own page says so, and serving goes on.

What a test does, it does to a :class:`Place`: here a node of the lab over SSH. tests/unit/exporter/test_lab_faults.py
does the same to the shipped exporter on this machine.
"""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest
from testinfra.host import Host
from tests.lab.waiting import until
from tests.lab.world import Document, NodeOf

from freehold.exporter.options import DEFAULT_INTERVAL, DEFAULT_LISTEN
from freehold.exporter.page import FRESH_INTERVALS
from freehold.gpu.nvml import REOPEN_AFTER_SECONDS
from freehold.lab import nvml
from freehold.lab.nvml.state import boot_clock
from freehold.status.gather import Access
from freehold.status.probe import probe

UNIT = "freehold-gpu-exporter.service"
SECONDS = REOPEN_AFTER_SECONDS + FRESH_INTERVALS * DEFAULT_INTERVAL + 15
"""A lost GPU is tried again each half minute; a sample, a restart and SSH take the rest."""
SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
REPLACED = 18  # NVML_ERROR_LIB_RM_VERSION_MISMATCH


class Place(Protocol):
    """A machine with simulated GPUs and an exporter that is started anew when it fails."""

    interval: float

    def scrape(self) -> str:
        """The page; empty while nobody answers."""

    def show(self, **changes: object) -> None:
        """Let the GPUs show this: keys of the state, ``__`` for a dot, None takes one away."""

    def restore(self) -> None:
        """What they showed before the test, and the exporter started if it gave up."""

    def process(self) -> str:
        """Which process the exporter is."""

    def serves(self) -> bool:
        """Whether a model answers there."""


@dataclass
class LabNode:
    """A node of the lab."""

    node: Host
    host: Document
    question: tuple[int, str, str]
    before: str
    interval: float = DEFAULT_INTERVAL

    def scrape(self) -> str:
        """By the node's own loopback, past Prometheus and the metrics door."""
        return str(self.node.run(f"curl --silent --max-time 5 http://{DEFAULT_LISTEN}/metrics").stdout)

    def show(self, **changes: object) -> None:
        """In one move: a reader sees the old text or the new one."""
        now = self.node.file(str(nvml.STATE_PATH)).content_string
        self._put(nvml.change(now, {key.replace("__", "."): value for key, value in changes.items()}, boot_clock()))

    def restore(self) -> None:
        """The limit of restarts is counted from here again."""
        self._put(self.before)
        self.node.check_output(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}")

    def process(self) -> str:
        """By systemd's number of this run of the unit."""
        return str(self.node.check_output(f"systemctl show --property=InvocationID --value {UNIT}"))

    def serves(self) -> bool:
        """A question to the node's own gateway."""
        port, key, model = self.question
        return probe(self.host["serve_address"], port, key, model).answered

    def _put(self, state: str) -> None:
        text, path = b64encode(state.encode()).decode(), shlex.quote(str(nvml.STATE_PATH))
        self.node.check_output(f"echo {text} | base64 -d > {path}.new && chmod 644 {path}.new && mv {path}.new {path}")


@pytest.fixture
def place(document: Document, access: Access, node_of: NodeOf) -> Iterator[Place]:
    """A node that is no monitor; after each test it is as it was."""
    host = next(one for one in document["hosts"] if one["name"] not in document["monitor"])
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")
    node = node_of(host["name"])
    state = node.file(str(nvml.STATE_PATH)).content_string
    made = LabNode(node, host, (document["gateway"]["port"], access.client_key, chat), state)
    yield from as_before(made)


def as_before(place: Place) -> Iterator[Place]:
    """Healthy before the test, and the same GPUs with the same metrics after it."""
    place.restore()
    before = series(healthy(place))
    yield place
    place.restore()
    until(lambda: series(healthy(place)) == before, "the page of before", SECONDS)
    assert place.serves()


def values(page: str, name: str, **labels: str) -> list[float]:
    """The values of a metric's series that carry these labels."""
    found = (SAMPLE.fullmatch(line) for line in page.splitlines() if line.startswith(name))
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return [
        float(one["value"])
        for one in found
        if one and one["name"] == name and all(word in (one["labels"] or "") for word in wanted)
    ]


def series(page: str) -> set[str]:
    """What is shown of GPUs; not what is counted since the exporter's start, or of whoever uses them."""
    return {
        line.rpartition(" ")[0] for line in page.splitlines() if re.match("DCGM_FI_|freehold_gpu_(lost|count)", line)
    }


def down(place: Place) -> str:
    """The page, once it says that there are no values, and shows none."""
    return str(until(lambda: _page_if(place, 0), "up 0", SECONDS))


def healthy(place: Place) -> str:
    """The page, once it is up with a fresh sample and no GPU is lost."""

    def fine() -> str:
        page = _page_if(place, 1)
        lost, age = values(page, "freehold_gpu_lost"), values(page, "freehold_gpu_sample_age_seconds")
        return page if lost and not any(lost) and max(age) <= FRESH_INTERVALS * place.interval else ""

    return str(until(fine, "up 1, and every GPU there", SECONDS))


def _page_if(place: Place, up: int) -> str:
    page = place.scrape()
    return page if values(page, "freehold_gpu_up") == [up] else ""


def test_a_library_that_crashes_is_another_process_and_the_same_page(place: Place) -> None:
    before = place.process()
    place.show(crash__nvmlDeviceGetTemperature=1)
    until(lambda: place.process() != before or not place.scrape(), "the exporter died", SECONDS)
    place.show(crash__nvmlDeviceGetTemperature=None)  # five deaths in ten minutes would be its last
    assert place.serves()
    healthy(place)
    assert place.process() != before


def test_a_driver_that_is_replaced_is_another_process_that_says_what_is_wrong(place: Place) -> None:
    before = place.process()
    place.show(error=REPLACED)
    until(lambda: place.process() != before, "a new process, which would load a new library", SECONDS)
    said = {"call": "nvmlInit", "error": "LibRmVersionMismatch"}
    until(lambda: values(down(place), "freehold_gpu_failed_calls_total", **said), "the reason", SECONDS)
    page, after = down(place), place.process()
    assert not values(page, "DCGM_FI_DEV_GPU_TEMP")
    assert place.serves()
    failed = values(page, "freehold_gpu_failed_calls_total", **said)
    until(lambda: values(place.scrape(), "freehold_gpu_failed_calls_total", **said) > failed, "it asks again", SECONDS)
    place.show(error=None)
    healthy(place)
    assert place.process() == after, "what never matched is no reason to begin anew"


def test_a_driver_that_hangs_is_down_with_an_age_that_grows_and_goes_on_by_itself(place: Place) -> None:
    before = place.process()
    place.show(hang_ms=600_000)
    page = down(place)
    (age,) = values(page, "freehold_gpu_sample_age_seconds")
    assert age > FRESH_INTERVALS * place.interval
    assert not values(page, "DCGM_FI_DEV_GPU_TEMP")
    assert values(page, "freehold_simulated", part="gpu") == [1]
    assert place.serves()
    until(lambda: values(place.scrape(), "freehold_gpu_sample_age_seconds") > [age], "an age that grows", SECONDS)
    place.show(hang_ms=None)
    healthy(place)
    assert place.process() == before, "a hung driver is shown, not restarted"


def test_a_gpu_that_is_lost_shows_that_and_nothing_old_and_comes_back_by_its_name(place: Place) -> None:
    page = healthy(place)
    before, count = place.process(), len(values(page, "freehold_gpu_lost"))
    last = str(count - 1)
    named = [line for line in series(page) if line.startswith(f'freehold_gpu_lost{{gpu="{last}"')]
    place.show(**{f"gpu{last}__lost": 1, "xid__1": f"{last}:79"})
    page = str(until(lambda: _lost(place, last), "lost", SECONDS))
    assert values(page, "freehold_gpu_up") == [1]
    assert len(values(page, "DCGM_FI_DEV_GPU_TEMP")) == count - 1
    assert not values(page, "DCGM_FI_DEV_GPU_TEMP", gpu=last)
    assert sum(values(page, "freehold_gpu_failed_calls_total", gpu=last, error="GpuIsLost")) >= 1
    until(lambda: values(place.scrape(), "freehold_gpu_xid_total", gpu=last, xid="79") == [1], "its Xid", SECONDS)
    assert place.serves()
    place.show(**{f"gpu{last}__lost": None})
    assert named == [line for line in series(healthy(place)) if line.startswith(f'freehold_gpu_lost{{gpu="{last}"')]
    assert place.process() == before


def _lost(place: Place, gpu: str) -> str:
    page = place.scrape()
    return page if values(page, "freehold_gpu_lost", gpu=gpu) == [1] else ""


def test_a_gpu_that_is_not_counted_any_more_is_followed(place: Place) -> None:
    (count,) = values(healthy(place), "freehold_gpu_count")
    before = place.process()
    place.show(gpus=int(count) - 1)
    until(lambda: values(place.scrape(), "freehold_gpu_count") == [count - 1], "one less", SECONDS)
    assert values(place.scrape(), "freehold_gpu_up") == [1]
    place.show(gpus=int(count))
    until(lambda: values(place.scrape(), "freehold_gpu_count") == [count], "all again", SECONDS)
    assert place.process() == before
