"""What a scrape gets: a golden page, and nothing old as if it were new."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.nvml.simulation import Simulation

from freehold.exporter.metrics import DCGM, FREEHOLD
from freehold.exporter.page import FRESH_INTERVALS, Rendered, page, render
from freehold.exporter.services import Accounts
from freehold.exporter.units import UNKNOWN
from freehold.gpu.facts import Failure, Sample
from freehold.gpu.nvml import Nvml
from freehold.gpu.reading import SLOW

GOLDEN = Path(__file__).with_name("golden.txt")
INTERVAL = 5.0
UNITS = {10: "freehold-runtime@chat.service", 20: "freehold-embedding.service"}


def _rendered() -> Rendered:
    reader = Nvml(clock=lambda: 0.0)
    sample = reader.sample()
    reader.close()
    return render(sample, Counter(sample.failures), 1, "gpu1")


def _series(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    page = text.decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            # The parser, unlike Prometheus, gives every counter the suffix _total.
            name = sample.name if f"# TYPE {sample.name} " in page else sample.name.removesuffix("_total")
            found.setdefault(name, {})[tuple(sample.labels.values())] = sample.value
    return found


def _golden_state(gpus: Simulation) -> None:
    gpus.set(gpus=3, power=321.5, utilisation=93, memory_used=100_000, temperature=61, sm_clock=1755)
    gpus.set(gpu1__nvlink7=0, gpu1__recovery_action=1)
    gpus.set(gpu1__error__nvmlDeviceGetMigMode=999, gpu0__error__nvmlDeviceGetTemperature=999)
    gpus.set(violation0=123_456_789, nvlink_tx=7)
    gpus.set(process__1="0:10:60000:C:70", process__2="0:20:30000:C:23", process__3="1:10:90000")
    gpus.set(gpu2__mig=1, mig__1="2:1:0:3g.71gb:71000:500", mig__2="2:9:0:1g.18gb:17900:200")
    gpus.set(process__4="2:20:400:C:0:1", process__5="2:30:200:C:0:9")


def _golden_page(gpus: Simulation) -> str:
    """Two samples twenty seconds apart, with an Xid between them."""
    accounts = Accounts(lambda pids: {pid: UNITS.get(pid, UNKNOWN) for pid in pids})
    now = 0.0
    reader = Nvml(clock=lambda: now)
    for _ in range(SLOW):
        accounts.add(reader.sample())
    gpus.set(xid__1="1:74")
    now = 20.0
    gpus.at(gpus.now + now)
    sample = reader.sample()
    reader.close()
    rendered = render(sample, Counter(sample.failures), SLOW + 1, "gpu1", accounts.add(sample))
    lines = page(rendered, now + 1.5, INTERVAL).decode().splitlines(keepends=True)
    return "".join(line for line in lines if not re.match("(# (HELP|TYPE) )?process_", line))


def test_the_golden_scrape(gpus: Simulation) -> None:
    _golden_state(gpus)
    text = _golden_page(gpus)
    if os.environ.get("FREEHOLD_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_scrape_is_valid_prometheus_text() -> None:
    families = list(text_string_to_metric_families(GOLDEN.read_text(encoding="utf-8")))
    assert len(families) > 50
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families)


def test_counters_keep_dcgms_names(gpus: Simulation) -> None:
    del gpus
    text = page(_rendered(), 0, INTERVAL).decode()
    assert "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n" in text
    assert "_total{" not in "".join(line for line in text.splitlines() if line.startswith("DCGM"))


def test_every_metric_is_shown_for_a_healthy_gpu(gpus: Simulation) -> None:
    del gpus
    series = _series(page(_rendered(), 0, INTERVAL))
    assert [one.name for one in DCGM + FREEHOLD if len(series.get(one.name, {})) != 8] == []


def test_energy_is_in_millijoules(gpus: Simulation) -> None:
    gpus.set(energy_epoch=900, power=500)
    gpus.at(910)
    values = _series(page(_rendered(), 0, INTERVAL))["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"]
    assert set(values.values()) == {10 * 74.58 * 1000}


@pytest.mark.parametrize(
    ("age", "up"), [(0.0, 1), (FRESH_INTERVALS * INTERVAL, 1), (FRESH_INTERVALS * INTERVAL + 0.01, 0), (1e6, 0)]
)
def test_values_of_an_old_sample_are_not_shown(gpus: Simulation, age: float, up: int) -> None:
    del gpus
    series = _series(page(_rendered(), age, INTERVAL))
    assert series["freehold_gpu_up"][()] == up
    assert series["freehold_gpu_sample_age_seconds"][()] == pytest.approx(age, abs=0.001)
    shown = [name for name in series if name.startswith("DCGM") or name in {one.name for one in FREEHOLD}]
    assert bool(shown) is bool(up)


def test_before_the_first_sample_only_up_is_known() -> None:
    assert _series(page(None, 0, INTERVAL)) == {"freehold_gpu_up": {(): 0.0}}


def test_a_simulation_says_so_even_when_it_is_down(gpus: Simulation) -> None:
    rendered = _rendered()
    gpus.path.unlink()
    for text in (page(rendered, 0, INTERVAL), page(rendered, 1e6, INTERVAL), page(_rendered(), 0, INTERVAL)):
        assert _series(text)["freehold_simulated"] == {("gpu",): 1.0}


def test_real_gpus_are_not_called_simulated() -> None:
    sample = Sample(0, 0, "580.95.05", simulated=False)
    assert b"freehold_simulated" not in page(render(sample, Counter(), 1, "gpu1"), 0, INTERVAL)


def test_a_lost_gpu_shows_no_values_but_that_it_is_lost(gpus: Simulation) -> None:
    reader = Nvml(clock=lambda: 0.0)
    reader.sample()
    gpus.set(gpu3__lost=1, xid__1="3:79")
    sample = reader.sample()
    reader.close()
    series = _series(page(render(sample, Counter(sample.failures), 2, "gpu1"), 0, INTERVAL))
    assert len(series["DCGM_FI_DEV_GPU_TEMP"]) == 7
    assert sorted(series["freehold_gpu_lost"].values()) == [0] * 7 + [1]
    assert max(series["DCGM_FI_DEV_XID_ERRORS"].values()) == 79
    assert series["freehold_gpu_failed_calls_total"] == {("3", "nvmlDeviceGetFieldValues", "GpuIsLost"): 1.0}


def test_no_driver_is_down_with_the_reason(gpus: Simulation) -> None:
    gpus.path.unlink()
    series = _series(page(_rendered(), 0, INTERVAL))
    assert series["freehold_gpu_up"] == {(): 0.0}
    assert series["freehold_gpu_failed_calls_total"] == {("", "nvmlInit", "DriverNotLoaded"): 1.0}
    assert not [name for name in series if name.startswith("DCGM")]


def test_failures_are_counted_over_all_samples() -> None:
    failed = Counter({Failure(None, "nvmlInit", "Unknown"): 3, Failure(0, "b", "X"): 1, Failure(0, "a", "X"): 2})
    text = render(Sample(0, 0, None, simulated=False), failed, 3, "gpu1").always
    rows = [line for line in text.splitlines() if line.startswith("freehold_gpu_failed_calls_total")]
    assert [row.split()[-1] for row in rows] == ["3", "2", "1"]


def test_a_strange_name_cannot_break_the_format(gpus: Simulation) -> None:
    gpus.set(gpus=1, name='H200 "x"\\')
    (labels,) = _series(page(_rendered(), 0, INTERVAL))["DCGM_FI_DEV_GPU_TEMP"]
    assert 'H200 "x"\\' in labels


def test_a_mig_gpu_shows_its_memory_by_instance_and_not_once_more(gpus: Simulation) -> None:
    gpus.set(gpus=2, gpu1__mig=1, mig__1="1:1:0:3g.71gb:71000:500", mig__2="1:9:0:1g.18gb:17900:200", memory_used=700)
    text = page(_rendered(), 0, INTERVAL).decode()
    used = [line for line in text.splitlines() if line.startswith("DCGM_FI_DEV_FB_USED{")]
    assert [line.rpartition(" ")[2] for line in used] == ["700", "500", "200"]
    assert ['GPU_I_PROFILE="3g.71gb",GPU_I_ID="1",Hostname' in line for line in used] == [False, True, False]
    shown = {name: len(rows) for name, rows in _series(text.encode()).items()}
    assert (shown["DCGM_FI_DEV_GPU_UTIL"], shown["DCGM_FI_DEV_POWER_USAGE"]) == (1, 2)


def test_the_services_of_instances_are_told_apart(gpus: Simulation) -> None:
    _golden_state(gpus)
    rows = [line for line in _golden_page(gpus).splitlines() if line.startswith("freehold_gpu_process_memory_bytes{")]
    assert [line.partition("service=")[2] for line in rows] == [
        f'"freehold-runtime@chat.service"}} {60000 * 2**20}',
        f'"freehold-embedding.service"}} {30000 * 2**20}',
        f'"freehold-runtime@chat.service"}} {90000 * 2**20}',
        f'"freehold-embedding.service",GPU_I_PROFILE="3g.71gb",GPU_I_ID="1"}} {400 * 2**20}',
        f'"unknown",GPU_I_PROFILE="1g.18gb",GPU_I_ID="9"}} {200 * 2**20}',
    ]


def test_energy_by_service_adds_up_to_the_counters(gpus: Simulation) -> None:
    _golden_state(gpus)
    joules = _series(_golden_page(gpus).encode())["freehold_gpu_service_energy_joules_total"]
    assert sum(joules.values()) == pytest.approx(3 * 20 * 321.5)
    chat = 20 * 321.5 * (70 / 93 + 1)
    assert joules[("freehold-runtime@chat.service",)] == pytest.approx(chat)


def test_xids_are_counted_at_any_age_and_energy_is_not_shown_when_it_is_old(gpus: Simulation) -> None:
    _golden_state(gpus)
    reader = Nvml(clock=lambda: 0.0)
    reader.sample()
    gpus.set(xid__1="1:74", xid__2="1:74")
    sample = reader.sample()
    reader.close()
    series = _series(page(render(sample, Counter(), 2, "gpu1"), 1e6, INTERVAL))
    assert [(where[0], where[2], times) for where, times in series["freehold_gpu_xid_total"].items()] == [
        ("1", "74", 2)
    ]
    assert not [name for name in series if "energy" in name]
