"""`freehold usage`: tables, CSV and JSON whose sums are those of the rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.unit.ledger.world import DONE, START_MS, USD, Time, Tokens, World, chance, row

from freehold.errors import FreeholdErrors, RefusedError, UsageError
from freehold.ledger import report_exceptions
from freehold.ledger.periods import DAY_MS, day
from freehold.ledger.report import COUNTS, GROUPS, as_csv, as_json, as_table, export, report, usd
from freehold.ledger.store import Store
from freehold.ledger.usage import insert, lose

TODAY = day(START_MS)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[World]]:
    stores = [Store.open(tmp_path / name / "ledger.sqlite3") for name in ("n1", "n2")]
    yield [World(store, Time(START_MS)) for store in stores]
    for store in stores:
        store.close()


def fill(world: World, seed: int) -> None:
    seeded = chance(seed)
    rows = [
        row(
            f"{seed}-{number}",
            START_MS + seeded.randrange(3) * DAY_MS,
            prompt=seeded.randrange(1, 1000),
            completion=seeded.randrange(500),
            key=seeded.choice(["k_1", "k_2"]),
        )._replace(cached=1, served=seeded.choice(["tiny", "large"]))
        for number in range(200)
    ]
    with world.store.transaction() as connection:
        insert(connection, rows)
    key = world.key(f"agent{seed}")
    world.frontier.settle(world.reserved(key, 100, USD).id, Tokens(30, 10, 20), USD // 3, DONE)
    world.reserved(key, 7, 11, "left open")
    world.frontier.recover()


def exports(nodes: list[World]) -> list[dict[str, Any]]:
    told = [export(world.store, name, TODAY, TODAY + 5) for world, name in zip(nodes, ("n1", "n2"), strict=True)]
    return list(json.loads(json.dumps(told)))


def raw(nodes: list[World]) -> tuple[int, ...]:
    sums = [0] * len(COUNTS)
    for world in nodes:
        with world.store.reading() as connection:
            found = connection.execute(
                "SELECT count(*), sum(prompt), sum(cached), sum(completion), sum(nano_usd) FROM usage"
            ).fetchone()
        sums = [one + more for one, more in zip(sums, found, strict=True)]
    return tuple(sums)


@pytest.mark.parametrize("by", [("key",), ("day", "model"), ("route", "node"), GROUPS, ()])
def test_every_grouping_sums_up_to_the_rows(nodes: list[World], by: tuple[str, ...]) -> None:
    for seed, world in enumerate(nodes):
        fill(world, seed)
    found = report(exports(nodes), by)
    assert found.total == raw(nodes)
    assert tuple(sum(line.counts[index] for line in found.lines) for index in range(len(COUNTS))) == raw(nodes)
    assert len({(line.place, line.key_id) for line in found.lines}) == len(found.lines)


def test_the_cost_of_the_frontier_is_what_the_caps_were_charged(nodes: list[World]) -> None:
    fill(nodes[0], 0)
    (one, _) = exports(nodes)
    charged = sum(each["charged_nano_usd"] for each in one["exceptions"])
    by_route = {line.place[0]: line.counts for line in report([one], ["route"]).lines}
    assert by_route["frontier"][-1] == charged == USD // 3 + 11
    assert by_route["local"][-1] == 0


def test_one_table_of_several_nodes(nodes: list[World]) -> None:
    for seed, world in enumerate(nodes):
        fill(world, seed)
    console = Console(width=200, file=io.StringIO())
    found = report(exports(nodes), ("key", "model"))
    console.print(as_table(found))
    shown = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert "Usage on n1, n2" in shown
    assert "agent0" in shown
    assert f"{found.total[1]:,}" in shown
    assert usd(found.total[-1]) in shown


def test_csv_and_json_carry_the_same_numbers(nodes: list[World]) -> None:
    fill(nodes[0], 0)
    found = report(exports(nodes), ("key", "day"))
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    told = json.loads(as_json(found))
    assert [{name: row[name] for name in ("key", "day", "key_id")} for row in rows] == [
        {name: line[name] for name in ("key", "day", "key_id")} for line in told["lines"]
    ]
    for name in COUNTS:
        assert sum(int(row[name]) for row in rows) == told["total"][name] == sum(line[name] for line in told["lines"])


def test_two_keys_that_had_one_name_stay_apart(nodes: list[World]) -> None:
    with nodes[0].store.transaction() as connection:
        insert(
            connection, [row("a", key="k_1")._replace(key_name="same"), row("b", key="k_2")._replace(key_name="same")]
        )
    found = report(exports(nodes), ["key"])
    assert [(line.place, line.key_id) for line in found.lines] == [(("same",), "k_1"), (("same",), "k_2")]
    assert len(report(exports(nodes), ["model"]).lines) == 1


def test_a_cell_is_never_a_formula(nodes: list[World]) -> None:
    with nodes[0].store.transaction() as connection:
        insert(connection, [row("a")._replace(served="=1+1")])
    assert "'=1+1" in as_csv(report(exports(nodes), ["model"]))


def test_every_exception_is_shown(nodes: list[World]) -> None:
    fill(nodes[0], 0)
    told = with_one_open(nodes)
    console = Console(width=300, file=io.StringIO())
    console.print(report_exceptions.table(told))
    shown = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    rows = list(csv.DictReader(io.StringIO(report_exceptions.as_csv(told))))
    for name, value in {
        "time": "2026-11-21 10:30:00", "node": "n1", "key": "agent0", "reason": "asked_for", "asked": "gpt",
        "resolved": "acme/big-model", "prompt_tokens": "30", "cached_tokens": "10", "completion_tokens": "20",
        "price": "acme/big@2026-11", "usd": usd(USD // 3), "state": "settled", "outcome": "answered",
    }.items():  # fmt: skip
        assert value in {row[name] for row in rows}
        assert value in shown
    assert {row["state"] for row in rows} == {"settled", "unsettled", "open"}
    assert len(rows) == 3


def with_one_open(nodes: list[World]) -> list[dict[str, Any]]:
    nodes[0].reserved(nodes[0].key("late"), 50, 60, "still open")
    return exports(nodes)


def test_lost_rows_are_named(nodes: list[World]) -> None:
    with nodes[0].store.transaction() as connection:
        lose(connection, START_MS, [(3, 10, 10)])
        lose(connection, START_MS - 5 * DAY_MS, [(5, 10, 10)])
    found = report(exports(nodes))
    assert found.lost_rows == 3
    assert "3 requests could not be written" in str(as_table(found).caption)


def test_only_the_days_that_were_asked_for(nodes: list[World]) -> None:
    with nodes[0].store.transaction() as connection:
        insert(connection, [row("a"), row("b", START_MS + DAY_MS), row("c", START_MS - DAY_MS)])
    assert report([export(nodes[0].store, "n1", TODAY, TODAY)]).total[0] == 1


def test_one_ledger_twice_another_schema_and_an_unknown_group_are_refused(nodes: list[World]) -> None:
    one, other = exports(nodes)
    with pytest.raises(RefusedError, match="USAGE_TWICE"):
        report([one, one])
    with pytest.raises(UsageError, match="USAGE_UNKNOWN_GROUP"):
        report([one], ["colour"])
    with pytest.raises(FreeholdErrors):
        report([one, {**other, "schema": 2}, one])


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [(0, "0.00"), (1, "0.000000001"), (USD, "1.00"), (1_250_000_000, "1.25"), (10**15, "1000000.00")],
)
def test_money_is_exact(nano_usd: int, text: str) -> None:
    assert usd(nano_usd) == text
