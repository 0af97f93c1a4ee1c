"""The sampler: its own pace, whatever a sample does."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

import pytest

from freehold.exporter.sampler import MOST_FAILURES, Sampler
from freehold.gpu.facts import Failure, Sample

PATIENCE_SECONDS = 10.0


def started(sampler: Sampler) -> threading.Thread:
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    return thread


def nobody(pids: Iterable[int]) -> dict[int, str]:
    return dict.fromkeys(pids, "unknown")


class Reader:
    """Hands out empty samples and counts."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = threading.Event()
        self.enough = threading.Event()

    def sample(self) -> Sample:
        self.taken += 1
        if self.taken >= 3:
            self.enough.set()
        return Sample(float(self.taken), 0.0, None, simulated=True, failures=(Failure(0, "call", "Unknown"),))

    def close(self) -> None:
        self.closed.set()


def test_it_samples_until_it_is_stopped_and_gives_the_library_back() -> None:
    reader = Reader()
    sampler = Sampler(reader, interval=0.001, hostname="gpu1", units_of=nobody)
    thread = started(sampler)
    assert reader.enough.wait(PATIENCE_SECONDS)
    sampler.stop()
    thread.join(PATIENCE_SECONDS)
    assert (thread.is_alive(), reader.closed.is_set()) == (False, True)


def test_failures_add_up_over_samples() -> None:
    sampler = Sampler(Reader(), interval=1, hostname="gpu1", units_of=nobody)
    for _ in range(3):
        sampler.once()
    assert sampler.latest is not None
    assert 'freehold_gpu_failed_calls_total{gpu="0",call="call",error="Unknown"} 3\n' in sampler.latest.always
    assert "freehold_gpu_samples_total 3\n" in sampler.latest.always


def test_a_driver_that_makes_up_error_codes_does_not_grow_the_page_for_ever() -> None:
    class Mad(Reader):
        def sample(self) -> Sample:
            one = super().sample()
            return replace(one, failures=tuple(Failure(gpu, "call", f"Code{self.taken}") for gpu in range(8)))

    sampler = Sampler(Mad(), interval=1, hostname="gpu1", units_of=nobody)
    times = 2 * MOST_FAILURES
    for _ in range(times):
        sampler.once()
    assert sampler.latest is not None
    rows = [line for line in sampler.latest.always.splitlines() if line.startswith("freehold_gpu_failed_calls_total")]
    assert len(rows) == MOST_FAILURES + 8
    assert sum(int(row.rpartition(" ")[2]) for row in rows) == 8 * times


@pytest.mark.parametrize("interval", [0.2, 5.0])
def test_a_hung_sample_keeps_the_last_one_and_its_time(interval: float) -> None:
    reader = Reader()
    sampler = Sampler(reader, interval=interval, hostname="gpu1", units_of=nobody)
    sampler.once()
    assert sampler.latest is not None
    assert sampler.latest.taken_at == 1.0


def test_an_old_library_ends_it_for_a_new_process_to_load_the_new_one() -> None:
    class Old(Reader):
        def sample(self) -> Sample:
            return replace(super().sample(), library_is_old=True)

    reader = Old()
    sampler = Sampler(reader, interval=600, hostname="gpu1", units_of=nobody)
    thread = started(sampler)
    thread.join(PATIENCE_SECONDS)
    assert (thread.is_alive(), reader.taken, sampler.library_is_old) == (False, 1, True)
