"""A page for the textfile collector is text that Prometheus reads, and is never there by halves."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from freehold.service.textfile import family, write

NASTY = 'a "quoted" \\ back\nslash'


def test_prometheus_reads_what_is_written_whatever_a_label_holds() -> None:
    page = family("one", "gauge", "One.", [({"a": NASTY, "b": "x"}, 1)]) + family("two", "gauge", "Two.", [({}, 1e9)])
    found = {each.name: each.samples for each in text_string_to_metric_families(page)}
    assert found["one"][0].labels == {"a": NASTY, "b": "x"}
    assert found["two"][0].value == 1e9


def test_a_metric_without_samples_is_not_named_at_all() -> None:
    assert family("one", "gauge", "One.", []) == ""


def test_a_page_is_there_whole_and_readable_by_another_user(tmp_path: Path) -> None:
    file = tmp_path / "x.prom"
    write(file, "one 1\n")
    write(file, "one 2\n")
    assert file.read_text() == "one 2\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["x.prom"]
