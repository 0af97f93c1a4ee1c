"""A node's pages as they would be at any moment: recorded twice, and drawn further from there."""

from __future__ import annotations

import ctypes
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from freehold.exporter.page import page, render
from freehold.exporter.services import Accounts
from freehold.gpu.nvml import Nvml
from freehold.lab.nvml import STATE_VARIABLE, build, initial_state

PAGES = Path(__file__).parent / "pages"
CPUS = 192
"""Logical processors of a server with eight GPUs (two of 48 cores with two threads each)."""

OF_CPU = re.compile(r'cpu="\d+"')
IDLE = "power=75\nutilisation=0\ntemperature=30\n"
BUSY = "power=620\nutilisation=97\nmemory_utilisation=60\ntemperature=63\nmemory_temperature=70\nsm_clock=1830\n"
BUSY += "nvlink_tx=90000000\nnvlink_rx=80000000\nviolation0=900000000\nthrottle_reasons=0x4\nenergy=500000\n"


@dataclass(frozen=True)
class Line:
    """One series: what stands before its value, and its two recorded values."""

    series: str
    counts: bool
    first: float
    second: float
    decimals: int
    """As it was written: made-up digits would be stored too."""

    @property
    def varies(self) -> bool:
        """Whether it was another one the second time."""
        return self.first != self.second

    def value(self, tick: int, draw: random.Random) -> float:
        """A counter goes on at the recorded pace, give or take a half; a gauge stays where it was, about."""
        if not self.varies:
            return self.second
        step = abs(self.second - self.first)
        if self.counts:
            drawn = self.second + step * (tick + draw.uniform(-0.5, 0.5))
        else:
            low, high = sorted((self.first, self.second))
            drawn = draw.uniform(low - 0.05 * step, high + 0.05 * step)
        return round(drawn, self.decimals)


class Source:
    """One page, told apart from others by ``job``."""

    def __init__(self, job: str, first: str, second: str) -> None:
        self.job = job
        after = dict(_samples(second))
        counters = set(re.findall(r"^# TYPE (\S+) (?:counter|histogram|summary)$", second, re.MULTILINE))
        self.lines = tuple(
            Line(
                series,
                _family(series) in counters or _name(series) in counters,
                float(before),
                float(after[series]),
                max(_decimals(before), _decimals(after[series])),
            )
            for series, before in _samples(first)
            if series in after
        )

    def at(self, tick: int) -> Iterator[tuple[str, float]]:
        """All series with their values at a tick; the same for each asker."""
        for number, line in enumerate(self.lines):
            yield line.series, line.value(tick, random.Random(number * 1_000_003 + tick))  # noqa: S311  no secret

    def text(self, tick: int) -> bytes:
        """The page, without comments: they are not stored."""
        return "".join(f"{series} {_written(value)}\n" for series, value in self.at(tick)).encode()


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _name(series: str) -> str:
    return series.partition("{")[0]


def _family(series: str) -> str:
    return re.sub("_(bucket|sum|count)$", "", _name(series))


def _decimals(value: str) -> int:
    exponent = Decimal(value).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _samples(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if line and not line.startswith("#") and value not in {"NaN", "+Inf"}:
            yield series, value


def _with_all_cpus(text: str) -> str:
    """The page of a machine with ``CPUS`` processors: those of the recorded one, again and again."""
    out = []
    for line in text.splitlines():
        if 'cpu="0"' in line and not line.startswith("#"):
            out += [OF_CPU.sub(f'cpu="{number}"', line) for number in range(CPUS)]
        elif not OF_CPU.search(line) or line.startswith("#"):
            out.append(line)
    return "\n".join(out)


def sources(folder: Path) -> tuple[Source, ...]:
    """All pages of one node; the GPUs' are made in ``folder``."""
    recorded = {
        name: [(PAGES / f"{name}.{part}.txt").read_text(encoding="utf-8") for part in "ab"]
        for name in ("node_exporter", "gateway", "llama_cpp")
    }
    return (
        Source("node", *(_with_all_cpus(text) for text in recorded["node_exporter"])),
        Source("gpu", *gpu_pages(folder)),
        Source("gateway", *recorded["gateway"]),
        Source("runtime", *recorded["llama_cpp"]),
    )


def gpu_pages(folder: Path) -> tuple[str, str]:
    """The exporter's page of eight GPUs, idle and busy, with two services on them."""
    ctypes.CDLL(str(build(folder / "nvml")), mode=ctypes.RTLD_GLOBAL)
    state = folder / "nvml.state"
    os.environ[STATE_VARIABLE] = str(state)
    processes = "".join(f"process.{gpu}={gpu}:{gpu + 1}:100000\n" for gpu in range(8)) + "process.8=0:20:30000\n"
    accounts, clock = Accounts(lambda pids: {pid: f"service-{pid > 10}.service" for pid in pids}), [0.0]
    reader, pages = Nvml(clock=lambda: clock[0]), []
    for drawn, now in ((IDLE, 0.0), (BUSY, 300.0)):
        state.write_text(initial_state(8, seed="bench") + processes + drawn + f"clock={1000 + now}\n")
        clock[0] = now
        reader.close()
        sample = reader.sample()
        text = render(sample, Counter(sample.failures), 1, "gpu1", accounts.add(sample))
        pages.append(page(text, now, 5).decode())
    reader.close()
    return pages[0], pages[1]
