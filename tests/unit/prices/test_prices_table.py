"""Only wanted providers are opened, only unchanged files are believed, and what is unknown has no price."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.prices.conftest import NOW

from freehold.errors import FreeholdErrors, IntegrityError, RefusedError
from freehold.prices import overlay
from freehold.prices.cost import Counts, cost
from freehold.prices.table import DATA, load

OWN = {
    "provider": "openai",
    "model": "gpt-4o",
    "effective_from": "2026-06-01",
    "per_million_tokens": {"input": "0.1", "output": 4, "cached": 0.05},
    "note": "order 17",
}
MILLION = Counts(1_000_000, 0, written=0)


def test_a_model_is_found_by_its_names_in_any_case_and_by_a_date_that_the_source_allows() -> None:
    names = ["gpt-4o", "GPT-4o", "gpt-4o-2024-08-06", "gpt-4o-20240806"]
    table = load(("openai", name) for name in names)
    assert {cost(table.prices("openai", name), MILLION, NOW) for name in names} == {2_500_000_000}


def test_a_dated_model_with_a_price_of_its_own_keeps_it() -> None:
    table = load([("openai", "gpt-4o-20240513")])
    assert cost(table.prices("openai", "gpt-4o-20240513"), MILLION, NOW) == 5_000_000_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-next"), ("openai", ""), ("nobody", "gpt-4o"), ("azure", "o4-mini-deep-research")],
)
def test_what_only_resembles_a_known_model_has_no_price(provider: str, model: str) -> None:
    with pytest.raises(RefusedError, match="PRICE_UNKNOWN"):
        load([(provider, model)]).prices(provider, model)


def test_a_provider_that_sells_another_s_models_has_their_prices() -> None:
    table = load([("azure", "gpt-4.1"), ("openai", "gpt-4.1")])
    assert cost(table.prices("azure", "gpt-4.1"), MILLION, NOW) == cost(table.prices("openai", "gpt-4.1"), MILLION, NOW)


def test_other_providers_files_are_not_opened(tmp_path: Path) -> None:
    for name in ("index.json", "openai.json"):
        shutil.copy(DATA / name, tmp_path)
    assert load([("openai", "gpt-4o"), ("nobody", "x")], folder=tmp_path).models.keys() == {("openai", "gpt-4o")}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    for name in ("index.json", "openai.json"):
        shutil.copy(DATA / name, tmp_path)
    changed = (tmp_path / "openai.json").read_text().replace("2500000", "25")
    (tmp_path / "openai.json").write_text(changed)
    with pytest.raises(IntegrityError, match="PRICE_TABLE_CHANGED"):
        load([("openai", "gpt-4o")], folder=tmp_path)


def test_a_contract_counts_from_its_day_on_exactly_as_written() -> None:
    prices = load([("openai", "gpt-4o")], overlay.read([OWN])).prices("openai", "gpt-4o")
    assert cost(prices, MILLION, datetime(2026, 5, 31, 23, tzinfo=UTC)) == 2_500_000_000
    assert cost(prices, MILLION, NOW) == 100_000_000
    assert cost(prices, Counts(1_000_000, 0, cached=1_000_000), NOW) == 50_000_000
    assert prices.at(NOW).source == "contract: order 17"


def test_of_two_contracts_the_later_one_counts_whatever_their_order() -> None:
    later = {
        **OWN,
        "effective_from": datetime(2026, 7, 1, tzinfo=UTC).date(),
        "per_million_tokens": {"input": 7, "output": 7},
    }
    prices = load([("openai", "gpt-4o")], overlay.read([later, OWN])).prices("openai", "gpt-4o")
    assert cost(prices, MILLION, NOW) == 7_000_000_000


def test_a_contract_may_have_a_price_for_long_prompts() -> None:
    longer = {"above": 200_000, "input": 4, "output": 8}
    own = {**OWN, "model": "mine", "longer_prompts": longer}
    prices = load([("openai", "mine")], overlay.read([own])).prices("openai", "mine")
    assert cost(prices, Counts(200_001, 1, written=0), NOW) == 200_001 * 4_000 + 8_000
    assert cost(prices, Counts(200_000, 1, written=0), NOW) == 200_000 * 100 + 4_000


def test_a_model_known_by_contract_alone_has_no_price_before_it() -> None:
    prices = load([("own", "mine")], overlay.read([{**OWN, "provider": "own", "model": "mine"}])).prices("own", "mine")
    with pytest.raises(RefusedError, match="PRICE_NOT_YET"):
        cost(prices, MILLION, datetime(2026, 5, 31, tzinfo=UTC))


def test_all_errors_of_the_contracts_come_together() -> None:
    wrong = [
        {**OWN, "provider": "", "effective_from": "soon", "extra": 1},
        {**OWN, "per_million_tokens": {"input": 0, "output": "-1", "cached": "cheap"}},
        {**OWN, "per_million_tokens": {"input": 200_000, "output": True}, "longer_prompts": {"above": 0}},
        OWN,
        OWN,
        {key: value for key, value in OWN.items() if key != "per_million_tokens"},
    ]
    with pytest.raises(FreeholdErrors) as raised:
        overlay.read(wrong)
    places = " ".join(error.subject for error in raised.value.errors)
    for place in (
        "prices[0].provider",
        "prices[0].effective_from",
        "prices[0].extra",
        "prices[1].per_million_tokens.input",
        "prices[1].per_million_tokens.output",
        "prices[1].per_million_tokens.cached",
        "prices[2].per_million_tokens.input",
        "prices[2].per_million_tokens.output",
        "prices[2].longer_prompts.above",
        "prices[2].longer_prompts.input",
        "prices[5].per_million_tokens",
    ):
        assert place in places
    assert any(error.code == "CONFIG_DUPLICATE" for error in raised.value.errors)


@pytest.mark.parametrize("raw", [None, {}, "x", [1]])
def test_contracts_are_a_list_of_objects(raw: object) -> None:
    with pytest.raises(RefusedError):
        overlay.read(raw)


def test_no_contracts_are_fine() -> None:
    assert overlay.read([]) == ()


def test_the_notice_names_the_table_s_source_and_licence() -> None:
    notice = (DATA.parents[3] / "NOTICE").read_text(encoding="utf-8")
    origin = json.loads((DATA / "index.json").read_text())["origin"]
    assert f"genai-prices {origin['version']}" in notice
