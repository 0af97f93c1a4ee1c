"""Make `data/` out of the installed genai-prices: ``python -m freehold.prices.compile``, on a developer's machine only.

The library takes 41 MB and half a second; nodes get JSON. What is left out, so that it has no
price and nothing is sent for it: models that are billed by anything but tokens and requests (seconds, characters,
pages), models that are free, and names that the source matches by a pattern alone. Prices of request options (batch,
flex, priority, fast) are left out as well: the policy lets no request leave that asks for one at a higher price.
Searches and code runs at the provider are billed apart; the policy lets no request leave that asks for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, time
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from freehold.prices.rate import PICO_PER_KCOUNT, PICO_PER_MTOK, Rate, dearest, pico
from freehold.prices.table import DATA, INDEX

PACKAGE = "genai-prices"
RELEASED = {"0.2.3": "2026-11-10"}
"""The day each release was published on PyPI; the wheel does not say. A new pin adds a line."""

LINES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "written",
    "cache_write_1h_mtok": "written_hour",
    "input_image_mtok": "media",
    "input_audio_mtok": "media",
    "input_video_mtok": "media",
    "output_reasoning_mtok": "output",
    "output_citation_mtok": "output",
    "output_audio_mtok": "output",
    "output_image_mtok": "output",
    "output_video_mtok": "output",
}
"""Our lines for theirs; where several fall together the dearest stands: an answer's usage does not tell them apart."""

APART = {"web_searches_kcount", "storage_searches_kcount", "social_searches_kcount", "code_executions_kcount"}
CHEAPER = {"cache_audio_read_mtok", "cache_image_read_mtok", "cache_video_read_mtok"}
IGNORED = APART | CHEAPER
"""Searches, see above; and media read from the cache, which a test holds to be no dearer than ``media``."""

OTHER = {
    "audio_hours",
    "input_audio_hours",
    "output_audio_hours",
    "input_mchars",
    "input_document_kpages",
    "input_annotated_document_kpages",
    "input_text_messages_kcount",
}
"""Units that a call's tokens say nothing about: such a model has no price here."""

DATES = ("-20991231", "-2099-12-31")
REQUEST = "requests_kcount"


def main(folder: Path = DATA) -> None:
    """Write the table of the installed release."""
    files = render()
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"ok {len(files)} files, {sum(map(len, files.values())) // 1024} KiB")


def render() -> dict[str, str]:
    """Return all files of the table: names and texts, the same for the same release."""
    from genai_prices import data  # noqa: PLC0415  only here is the library at hand

    tables = {provider.id: _table(provider) for provider in data.providers}
    kept = {name: table for name, table in tables.items() if table["models"]}
    files = {f"{name}.json": _dump(table) for name, table in sorted(kept.items())}
    shelf = {
        one.id: {"sha256": hashlib.sha256(files[f"{one.id}.json"].encode()).hexdigest(), **_resold(one, kept)}
        for one in sorted(data.providers, key=lambda one: str(one.id))
        if one.id in kept
    }
    origin = _origin(Path(data.__file__))
    return {INDEX: json.dumps({"origin": origin, "providers": shelf}, indent=1) + "\n", **files}


def _origin(source: Path) -> dict[str, str]:
    version = metadata.version(PACKAGE)
    return {
        "package": PACKAGE,
        "version": version,
        "released": RELEASED[version],
        "licence": metadata.metadata(PACKAGE)["License-Expression"],
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
    }


def _resold(provider: Any, kept: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return whose models this provider sells on, and those of their names that mean something else with it."""
    others = [name for name in provider.fallback_model_providers or () if name in kept]
    names = sorted({name for other in others for name in kept[other]["names"]})
    own = kept[provider.id]["names"]
    return {"resells": others, "hides": [name for name in names if name not in own and provider.find_model(name)]}


def _table(provider: Any) -> dict[str, Any]:
    names: dict[str, int] = {}
    any_date: list[str] = []
    models: list[dict[str, Any]] = []
    for model in provider.models:
        prices = _prices(model)
        own = sorted(name for name in _names(model) if prices and provider.find_model(name) is model)
        if not own:
            continue
        names |= dict.fromkeys(own, len(models))
        any_date += [name for name in own if all(provider.find_model(name + end) is model for end in DATES)]
        models.append({"id": model.id, "prices": prices})
    return {"names": dict(sorted(names.items())), "any_date": sorted(any_date), "models": models}


def _names(model: Any) -> set[str]:
    return {name.lower() for name in (model.id, *_literals(model.match)) if name}


def _literals(clause: Any) -> Iterator[str]:
    for inner in getattr(clause, "or_", ()):
        yield from _literals(inner)
    for kind in ("equals", "starts_with", "contains", "ends_with"):
        if hasattr(clause, kind):
            yield getattr(clause, kind)


def _prices(model: Any) -> list[dict[str, Any]]:
    """Return the model's prices in their order, or nothing where one of them cannot be told from tokens."""
    given = model.prices if isinstance(model.prices, list) else [model]
    rows = []
    for number, one in enumerate(given):
        lines = {name: price for name, price in vars(one.prices).items() if price is not None}
        unknown = lines.keys() - LINES.keys() - IGNORED - OTHER - {REQUEST}
        if unknown:
            raise ValueError(f"{model.id} has prices of a new kind, {sorted(unknown)}: decide what they mean here")
        rates = _rates(lines)
        if lines.keys() & OTHER or "input" not in rates or (rates["input"].free and REQUEST not in lines):
            return []
        # The first one also holds where none else does, whatever its own beginning.
        rows.append({**(_when(getattr(one, "constraint", None)) if number else {}), **_row(lines, rates)})
    return rows


def _rates(lines: Mapping[str, Any]) -> dict[str, Rate]:
    rates: dict[str, Rate] = {}
    for name, ours in LINES.items():
        if name in lines:
            rates[ours] = dearest(_rate(lines[name]), rates.get(ours))
    if "output" in rates and rates["output"].free:
        del rates["output"]
    return rates


def _row(lines: Mapping[str, Any], rates: Mapping[str, Rate]) -> dict[str, Any]:
    request = {"request": pico(lines[REQUEST], PICO_PER_KCOUNT)} if REQUEST in lines else {}
    return {name: _compact(rate) for name, rate in sorted(rates.items())} | request


def _rate(price: Any) -> Rate:
    if isinstance(price, Decimal):
        return Rate(pico(price, PICO_PER_MTOK))
    steps = tuple((tier.start, pico(tier.price, PICO_PER_MTOK)) for tier in price.tiers)
    return Rate(pico(price.base, PICO_PER_MTOK), steps)


def _compact(rate: Rate) -> Any:
    return [rate.base, *map(list, rate.above)] if rate.above else rate.base


def _when(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    if hasattr(constraint, "start_date"):
        return {"starts": constraint.start_date.isoformat()}
    return {"daily": [_utc(constraint.start_time), _utc(constraint.end_time)]}


def _utc(moment: time) -> str:
    if moment.tzinfo not in (None, UTC):
        raise ValueError(f"{moment} is not UTC: convert it here")
    return moment.replace(tzinfo=None).isoformat()


def _dump(table: Mapping[str, Any]) -> str:
    # A line a model, so that a new release's differences can be read.
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in table["models"])
    names = json.dumps(table["names"], separators=(",", ":"))
    dates = json.dumps(table["any_date"], separators=(",", ":"))
    return f'{{"names":{names},\n"any_date":{dates},\n"models":[\n{rows}\n]}}\n'


if __name__ == "__main__":
    main()
