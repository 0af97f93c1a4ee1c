"""Energy by service: the counter's own joules, divided by what is known, never made more or fewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from freehold.exporter.energy import IDLE, MOST_SERVICES, OTHERS, Ledger, Window, divide
from freehold.exporter.services import Accounts, Services
from freehold.exporter.units import UNKNOWN
from freehold.gpu.facts import Gpu, Identity, Process, Reading, Sample

CHAT, EMBEDDING = "chat.service", "embedding.service"
UNITS = {10: CHAT, 11: CHAT, 20: EMBEDDING}


def _units_of(pids: Iterable[int]) -> dict[int, str]:
    return {pid: UNITS.get(pid, UNKNOWN) for pid in pids}


def _sample(at: float, joules: float | None, *processes: Process, busy: int | None = 90, slow: bool = True) -> Sample:
    energy = None if joules is None else int(joules * 1000)
    reading = Reading(energy_millijoules=energy, utilisation_percent=busy)
    gpu = Gpu(Identity(0, "GPU-0"), reading, processes=processes)
    return Sample(at, 0, None, simulated=True, gpus=(gpu,), slow=slow)


def _accounted(*samples: Sample) -> Services:
    accounts = Accounts(_units_of)
    return [accounts.add(one) for one in samples][-1]


def _joules(services: Services) -> dict[str, float]:
    return {service: joules for service, joules in services.joules.items() if joules}


def test_the_only_service_gets_what_a_busy_gpu_spent() -> None:
    found = _accounted(_sample(0, 100, Process(10)), _sample(20, 10_100, Process(10)))
    assert _joules(found) == {CHAT: 10_000}
    assert found.windows["sm_utilisation"] == 1


def test_two_services_share_by_what_their_processes_did() -> None:
    both = (Process(10, 2**30, 30), Process(11, 2**30, 45), Process(20, 2**34, 25))
    found = _accounted(_sample(0, 0, *both), _sample(20, 10_000, *both))
    assert _joules(found) == {CHAT: 7500, EMBEDDING: 2500}


def test_without_activity_they_share_by_memory() -> None:
    both = (Process(10, 3 * 2**30), Process(20, 2**30))
    found = _accounted(_sample(0, 0, *both, busy=None), _sample(20, 10_000, *both, busy=None))
    assert _joules(found) == {CHAT: 7500, EMBEDDING: 2500}
    assert found.windows["memory_held"] == 1


def test_an_idle_gpu_is_nobodys_even_where_a_service_holds_it() -> None:
    held = Process(10, 2**36)
    assert _joules(_accounted(_sample(0, 0, held, busy=0), _sample(20, 1500, held, busy=0))) == {IDLE: 1500}
    assert _joules(_accounted(_sample(0, 0), _sample(20, 1500))) == {IDLE: 1500}


def test_work_between_two_slow_passes_is_not_taken_for_idleness() -> None:
    samples = (_sample(0, 0, Process(10), busy=0), _sample(5, 500, Process(10), busy=7, slow=False))
    assert _joules(_accounted(*samples, _sample(20, 1500, Process(10), busy=0))) == {CHAT: 1500}


def test_a_window_is_at_least_ten_seconds() -> None:
    accounts = Accounts(_units_of)
    for at, expected in ((0.0, {}), (4.0, {}), (9.9, {}), (10.0, {CHAT: 1000.0}), (19.0, {CHAT: 1000.0})):
        assert _joules(accounts.add(_sample(at, at * 100, Process(10)))) == expected


def test_a_counter_that_restarts_is_counted_from_nothing_and_the_sum_never_falls() -> None:
    accounts = Accounts(_units_of)
    sums = []
    for at, joules in ((0, 50_000), (20, 60_000), (40, 2_000), (60, 9_000)):
        sums.append(sum(accounts.add(_sample(at, joules, Process(10))).joules.values()))
    assert sums == [0, 10_000, 12_000, 19_000]


def test_a_counter_that_is_not_said_for_a_while_loses_nothing() -> None:
    on_it = Process(10)
    samples = (_sample(0, 0, on_it), _sample(20, None, on_it), _sample(40, 4000, on_it))
    assert _joules(_accounted(*samples)) == {CHAT: 4000}


def test_processes_that_cannot_be_had_are_unknown_not_idle() -> None:
    samples = [replace(one, gpus=(replace(one.gpus[0], processes=None),)) for one in (_sample(0, 0), _sample(20, 2000))]
    found = _accounted(*samples)
    assert _joules(found) == {UNKNOWN: 2000}
    assert found.windows["unknown"] == 1


def test_services_without_activity_or_memory_are_unknown() -> None:
    both = (Process(10), Process(20))
    assert _joules(_accounted(_sample(0, 0, *both), _sample(20, 2000, *both))) == {UNKNOWN: 2000}


def test_a_service_is_shown_with_nothing_before_its_first_joule() -> None:
    assert dict(_accounted(_sample(0, 0, Process(10))).joules) == {IDLE: 0.0, CHAT: 0.0}


def test_memory_is_added_up_by_service() -> None:
    held = _accounted(_sample(0, 0, Process(10, 5), Process(11, 6), Process(20, 7), Process(99, 8), Process(20))).held
    assert {one.service: one.memory_bytes for one in held} == {CHAT: 11, EMBEDDING: 7, UNKNOWN: 8}


def test_services_that_come_and_go_for_ever_are_bounded_and_no_joule_is_lost() -> None:
    ledger = Ledger()
    for number in range(2 * MOST_SERVICES):
        ledger.close(Window(0, 0, busy=True, held={f"session-{number}.scope": None}), 1000)
    assert len(ledger.joules) == MOST_SERVICES + 1
    assert ledger.joules[OTHERS] > 0
    assert sum(ledger.joules.values()) == pytest.approx(2 * MOST_SERVICES)


def test_a_service_of_the_fleet_is_told_apart_however_many_sessions_came_before_it() -> None:
    ledger = Ledger()
    for number in range(2 * MOST_SERVICES):
        ledger.know(f"session-{number}.scope")
    assert ledger.know("freehold-runtime@new.service") == "freehold-runtime@new.service"
    assert (ledger.know(UNKNOWN), ledger.know("run-7.service")) == (UNKNOWN, OTHERS)


def test_memory_is_shown_under_the_names_of_energy_and_is_bounded_with_them() -> None:
    accounts = Accounts(lambda pids: {pid: f"session-{pid}.scope" for pid in pids})
    many = tuple(Process(pid, 2**20) for pid in range(3 * MOST_SERVICES))
    found = accounts.add(_sample(0, 0, *many))
    assert {one.service for one in found.held} == set(found.joules) - {IDLE}
    assert len(found.joules) == MOST_SERVICES + 1
    assert sum(one.memory_bytes for one in found.held) == 3 * MOST_SERVICES * 2**20


@pytest.mark.parametrize("busy", [None, True, False])
@pytest.mark.parametrize("held", [None, {}, {"a": 1}, {"a": None}, {"a": 1, "b": None}, {"a": 0, "b": 0}])
@pytest.mark.parametrize("active", [None, Counter(), Counter({"a": 3, "b": 1}), Counter({"a": 0})])
def test_the_parts_always_add_up_to_one(
    busy: bool | None,  # noqa: FBT001  a fact of the window, not a switch
    held: dict[str, int | None] | None,
    active: Counter[str] | None,
) -> None:
    _, shares = divide(Window(0, 0, busy, held, active))
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
