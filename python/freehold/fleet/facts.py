"""Facts of a server: the script that reads them, the parser of its answer, and the judgement. Three things apart."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, RefusedError, UnknownStateError

SCRIPT = Path(__file__).with_name("facts.sh")
MOMENT = Path(__file__).with_name("moment.sh")

SYSTEMS = {("debian", "12"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
ARCHITECTURES = {"x86_64"}  # the wheels and the H200 boards that we know are

GIB = 1024**3
BASE_MEMORY = 1 * GIB  # Debian, the gateway, two exporters: measured under 0.4 GiB
VLLM_MEMORY = 16 * GIB  # a vLLM engine's own process and staging buffers; the weights go to the GPU
VLLM_MEMORY_ON_CPU = 5 * GIB  # where the GPUs are simulated: 4.5 GB measured with the lab's chat model, weights and all
MODEL_MEMORY_FACTOR = (
    2.5  # llama.cpp: weights, context, compute buffers (measured: 243 MB resident for 98 MB of weights)
)
BASE_DISK = 2 * GIB  # packages, virtual environments, journal
COPY_FACTOR = 1.1  # file-system overhead; a copy is checked in place, not doubled
MINIMUM_INODES = 20_000  # two Python environments are about 8,000 files
# RFC 4120 calls 5 minutes typical for clocks that must trust each other. Certificates here are valid from the control
# host's now on, and the days of a ledger and of prices are counted by the node's. chrony steps what is smaller away.
MAXIMUM_SKEW = 300.0


@dataclass(frozen=True)
class Facts:
    """One server. Sizes in bytes, ``clock`` in UNIX seconds.

    ``unfinished`` is the mark of a run and ``certificate`` the node's own in PEM, both in base64, empty without one.
    """

    os_id: str
    os_version: str
    codename: str
    kernel: str
    architecture: str
    init: str
    cpus: int
    memory_bytes: int
    disk_free_bytes: int
    inodes_free: int
    weights_bytes: int
    clock: int
    unfinished: str
    certificate: str

    @property
    def pem(self) -> str:
        """The certificate that the node shows to others; empty where there is none."""
        return _decoded(self.certificate)

    @property
    def mark(self) -> str:
        """What a run that has not ended wrote on the node; empty where there is none."""
        return _decoded(self.unfinished).strip()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def script() -> str:
    """The text that reads what a server is; it needs a POSIX shell and nothing else."""
    return SCRIPT.read_text(encoding="utf-8")


def visit_script() -> str:
    """The text that also reads what holds at this moment: the clock, and the mark of an unfinished run."""
    return script() + MOMENT.read_text(encoding="utf-8")


def parse(text: str, host: str) -> Facts:
    """The facts in the output of :func:`visit_script`; raises :class:`UnknownStateError` when it is something else."""
    try:
        data = {key: value for line in text.strip().splitlines() for key, value in json.loads(line).items()}
        return Facts(**{field.name: data[field.name] for field in fields(Facts)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownStateError(
            "HOST_FACTS_UNREADABLE",
            host,
            f"{text.strip()[:80]!r}",
            expected="one JSON object from the facts script",
            why="what could not be looked at is not assumed",
            fix=f"log in and run it by hand: ssh {host} sh -s < {SCRIPT.name}",
        ) from error


@dataclass(frozen=True)
class Needs:
    """What a host must have, in bytes, and the words that say how the figure was made."""

    memory: int
    weights: int


def needs(document: Mapping[str, Any]) -> Needs:
    """What the models of a fleet document ask of each host."""
    memory, weights = BASE_MEMORY, 0
    of_vllm = VLLM_MEMORY_ON_CPU if "gpu" in document["simulated"] else VLLM_MEMORY
    for model in document["models"]:
        size = sum(file["bytes"] for file in document["bundle"]["models"][model["name"]]["files"])
        weights += size
        memory += of_vllm if model["engine"] == "vllm" else int(size * MODEL_MEMORY_FACTOR)
    return Needs(memory, weights)


def judge(host: str, facts: Facts, wanted: Needs) -> Iterator[FreeholdError]:
    """Every reason not to provision this host."""
    system = f"{facts.os_id} {facts.os_version}"
    if (facts.os_id, facts.os_version) not in SYSTEMS:
        names = ", ".join(sorted(" ".join(pair) for pair in SYSTEMS))
        yield _refused("HOST_OS", host, system, names, "install one of these systems on it")
    if facts.architecture not in ARCHITECTURES:
        yield RefusedError(
            "HOST_ARCHITECTURE",
            host,
            facts.architecture,
            expected=" or ".join(sorted(ARCHITECTURES)),
            why="the bundle's wheels and packages are built for it, and a Grace board's driver is another one",
            fix="use another server",
        )
    if facts.init != "systemd":
        yield _refused("HOST_INIT", host, f"process 1 is {facts.init!r}", "systemd", "boot it with systemd")
    if facts.memory_bytes < wanted.memory:
        fix = "serve fewer or smaller models on it, or add memory"
        yield _refused("HOST_MEMORY", host, _gib(facts.memory_bytes), f"{_gib(wanted.memory)} for its models", fix)
    missing = max(0, int(wanted.weights * COPY_FACTOR) - facts.weights_bytes) + BASE_DISK
    if facts.disk_free_bytes < missing:
        fix = "free space under /var/lib/freehold, or mount a larger disk there"
        yield _refused("HOST_DISK", host, f"{_gib(facts.disk_free_bytes)} free", f"{_gib(missing)} free", fix)
    if 0 < facts.inodes_free < MINIMUM_INODES:  # 0: the file system has no fixed number of them
        fix = "remove small files, or use another file system"
        yield _refused("HOST_INODES", host, f"{facts.inodes_free} free inodes", f"{MINIMUM_INODES}", fix)


def skew(clock: int, before: float, after: float) -> float:
    """Seconds that a node's clock is ahead (negative: behind) at the least.

    ``clock`` was read, in whole seconds, at a moment between ``before`` and ``after`` of the control host's clock.
    """
    return max(0.0, clock - after) or min(0.0, clock + 1 - before)


def judge_clock(host: str, ahead: float) -> Iterator[FreeholdError]:
    """Refuse a clock that certificates would not survive; ``ahead`` as :func:`skew` gives it."""
    if abs(ahead) <= MAXIMUM_SKEW:
        return
    yield RefusedError(
        "HOST_CLOCK",
        host,
        f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this control host's",
        expected=f"less than {MAXIMUM_SKEW:.0f} s between the two",
        why="certificates made here would not be valid there yet, or no more; one of the two clocks is wrong",
        fix=f'compare both with a clock that you trust; on {host}: date -u -s "YYYY-MM-DD hh:mm:ss"',
    )


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def _refused(code: str, host: str, found: str, expected: str, fix: str) -> RefusedError:
    return RefusedError(code, host, found, expected=expected, fix=fix)
