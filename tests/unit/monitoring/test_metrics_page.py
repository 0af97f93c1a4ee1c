"""docs/metrics.md says what the programs show."""

from __future__ import annotations

from collections import Counter

import pytest
from monitoring.metrics_page import known_names, ours, render
from monitoring.metrics_page.page import tables
from monitoring.metrics_page.words import WORDS


@pytest.mark.parametrize(
    "name",
    [
        "freehold_gateway_tokens_total",
        "freehold_gateway_lease_asks_total",
        "freehold_gateway_follower_seconds",
        "gen_ai_server_time_to_first_token_seconds_bucket",
        "freehold_frontier_breaker",
        "freehold_frontier_share_cap",
        "freehold_drift_items",
        "freehold_firewall_dropped_packets_total",
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        "freehold_gpu_up",
        "freehold:tokens:rate2m",
    ],
)
def test_what_is_read_from_the_programs_is_known(name: str) -> None:
    assert name in known_names()


def test_a_histogram_is_asked_by_its_series_and_not_by_its_family() -> None:
    assert "gen_ai_server_request_duration_seconds" not in known_names()


def test_labels_are_those_of_the_program() -> None:
    by_name = {one.name: one for one in (*ours.gateway(), *ours.frontier(), *ours.drift_probe())}
    assert by_name["freehold_gateway_tokens_total"].labels == ("key", "model", "type", "route")
    assert by_name["freehold_gateway_follower_behind"].labels == ("node",)
    assert by_name["freehold_frontier_cap_usd"].labels == ("period",)
    assert by_name["freehold_drift_items"].labels == ("kind",)


def test_every_metric_is_said_to_be_something() -> None:
    assert [one.name for table in tables() for one in table.metrics if not one.help] == []


def test_words_are_about_metrics_that_exist() -> None:
    assert set(WORDS) - {one.name for one in (*ours.gateway(), *ours.frontier(), *ours.sovereignty())} == set()


def test_no_name_stands_twice_in_one_table() -> None:
    for table in tables():
        twice = [name for name, count in Counter(one.name for one in table.metrics).items() if count > 1]
        assert twice == [], table.title


def test_the_page_has_each_name() -> None:
    page = render()
    assert [one.name for table in tables() for one in table.metrics if f"`{one.name}`" not in page] == []
