"""What a metric is said to be is what the page shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from freehold.exporter.described import Described
from freehold.exporter.metrics import described

GOLDEN = Path(__file__).with_name("golden.txt")
BY_NAME = {one.name: one for one in described()}


def test_names_are_unique_and_each_metric_says_what_it_is() -> None:
    assert [name for name, times in Counter(one.name for one in described()).items() if times > 1] == []
    assert [one.name for one in described() if not one.help or "\n" in one.help] == []


def test_a_unit_in_a_name_is_the_unit() -> None:
    wrong = [one.name for one in described() for unit in ("seconds", "bytes", "joules") if _ends_in(one, unit)]
    assert wrong == []


def _ends_in(one: Described, unit: str) -> bool:
    return one.name.removesuffix("_total").endswith(f"_{unit}") and one.unit != unit


def test_the_page_shows_the_labels_that_are_declared() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if f"# TYPE {sample.name} " in text else sample.name.removesuffix("_total")
            one, shown = BY_NAME[name], set(sample.labels)
            of_mig = set(one.mig_labels) if set(one.mig_labels) & shown else set()
            assert shown == {*one.labels, *of_mig}, name


def test_every_metric_but_the_process_own_stands_on_the_golden_page() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    missing = {name for name in BY_NAME if f"# TYPE {name} " not in text}
    assert missing == {"process_cpu_seconds_total", "process_resident_memory_bytes"}
