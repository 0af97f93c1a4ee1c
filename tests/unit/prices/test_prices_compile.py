"""The compiled table is the pinned library's, name by name and dollar by dollar, where that library is installed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices import data as theirs
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelPrice

from freehold.prices import compile as compiling
from freehold.prices.cost import Counts, cost, worst_case
from freehold.prices.rate import PICO_PER_MTOK
from freehold.prices.table import DATA, Table, load

MOMENTS = (
    datetime(2025, 3, 1, 2, tzinfo=UTC),
    datetime(2026, 2, 11, 23, 59, tzinfo=UTC),
    datetime(2026, 11, 21, 8, tzinfo=UTC),
    datetime(2027, 1, 1, 0, tzinfo=UTC),
)
# Around the steps of 32k, 100k, 128k, 200k, 256k, 272k and 512k tokens, and a million.
PROMPTS = (0, 1, 999, 32_000, 32_001, 100_001, 128_001, 200_000, 200_001, 256_001, 272_001, 512_001, 1_000_001)
CHEAP_FOLD = ("reasoning", "citation", "audio", "image", "video")


@dataclass(frozen=True)
class Case:
    provider: str
    name: str


def cases(rendered: dict[str, str]) -> Iterator[Case]:
    """Every name that the table knows, of every provider, with those that it sells on and one dated name of each."""
    files = {name: json.loads(text) for name, text in rendered.items()}
    index = files.pop("index.json")
    for provider, entry in index["providers"].items():
        for shelf in (provider, *entry["resells"]):
            table, hidden = files[f"{shelf}.json"], set(entry["hides"] if shelf != provider else ())
            yield from (Case(provider, name) for name in table["names"] if name not in hidden)
            yield from (Case(provider, f"{name}-20991231") for name in table["any_date"] if name not in hidden)


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    return compiling.render()


@pytest.fixture(scope="module")
def all_cases(rendered: dict[str, str]) -> list[Case]:
    return list(cases(rendered))


@pytest.fixture(scope="module")
def table(all_cases: list[Case]) -> Table:
    return load((one.provider, one.name) for one in all_cases)


def test_the_committed_table_is_the_one_that_the_pinned_release_makes(rendered: dict[str, str]) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in DATA.glob("*.json")}
    assert committed == rendered


def test_it_carries_version_date_licence_and_digest_of_its_source(table: Table) -> None:
    assert table.origin.version == genai_prices.__version__
    assert str(table.origin) == f"genai-prices {genai_prices.__version__} of {table.origin.released}"
    assert table.origin.licence == "MIT"
    assert len(table.origin.sha256) == 64


def test_every_name_is_the_model_that_the_library_finds(all_cases: list[Case], table: Table) -> None:
    snapshot = DataSnapshot(providers=theirs.providers, from_auto_update=False)
    for case in all_cases:
        _, model = snapshot.find_provider_model(case.name, None, case.provider, None)
        source = table.prices(case.provider, case.name).prices[0].source
        assert source.endswith(f", {model.id}"), case


def test_every_price_is_the_library_s_rounded_up(all_cases: list[Case], table: Table) -> None:
    seen = set()
    snapshot = DataSnapshot(providers=theirs.providers, from_auto_update=False)
    for case in all_cases:
        _, model = snapshot.find_provider_model(case.name, None, case.provider, None)
        if id(model) in seen:
            continue
        seen.add(id(model))
        ours = table.prices(case.provider, case.name)
        for moment in MOMENTS:
            price = model.get_prices(moment)
            written = 777 if ours.at(moment).output else 0  # an embedding model writes nothing
            for prompt in PROMPTS if ours.at(moment).input.above else PROMPTS[1:3]:
                counts = Counts(prompt, written, cached=prompt // 3, written=prompt // 7)
                expected = their_nano(price, counts)
                found = cost(ours, counts, moment)
                if folded(price):
                    assert found >= expected, (case, moment, prompt)
                else:
                    # Their decimals have 17 digits where a source made floats of them; ours are cut upwards at pico.
                    assert expected <= found <= expected + 1 + prompt // 1000, (case, moment, prompt)
                assert worst_case(ours, moment, prompt=prompt, completion=written) >= found, (case, moment, prompt)
    assert len(seen) > 1500


def test_media_read_from_the_cache_is_no_dearer_than_media() -> None:
    for provider in theirs.providers:
        for model in provider.models:
            rows = model.prices if isinstance(model.prices, list) else [model]
            for prices in [vars(row.prices) for row in rows]:
                for read in compiling.CHEAPER & prices.keys():
                    plain = prices[read.replace("cache_", "input_").replace("_read", "")]
                    assert most(prices[read]) <= most(plain), (provider.id, model.id)


def test_a_price_of_a_new_kind_stops_the_compilation() -> None:
    class Model:
        id = "new"
        prices = ModelPrice(input_mtok=Decimal(1), dreams_mtok=Decimal(1))

    with pytest.raises(ValueError, match="dreams_mtok"):
        compiling._prices(Model())


def test_main_writes_what_is_rendered(tmp_path: Path, rendered: dict[str, str]) -> None:
    (tmp_path / "gone.json").write_text("{}")
    compiling.main(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == rendered


def their_nano(price: Any, counts: Counts) -> int:
    usage = genai_prices.Usage(
        input_tokens=counts.prompt,
        cache_read_tokens=counts.cached,
        cache_write_tokens=counts.written,
        cache_write_1h_tokens=0,
        output_tokens=counts.completion,
        **{f"{way}_{kind}_tokens": 0 for way in ("input", "output") for kind in ("audio", "image", "video")},
        **{f"cache_{kind}_read_tokens": 0 for kind in ("audio", "image", "video")},
        output_reasoning_tokens=0,
        output_citation_tokens=0,
    )
    dollars = price.calc_price(usage)["total_price"]
    return int((dollars * 10**9).to_integral_value(rounding=ROUND_CEILING))


def folded(price: Any) -> bool:
    """Where our line is the dearest of several of theirs, ours may be more."""
    return any(f"output_{kind}_mtok" in vars(price) for kind in CHEAP_FOLD)


def most(price: Any) -> Decimal:
    found = price if isinstance(price, Decimal) else max(price.base, *(tier.price for tier in price.tiers))
    assert found * PICO_PER_MTOK >= 0
    return Decimal(found)
