"""The compiled table: `data/index.json` and one file a provider, of which only the wanted ones are ever opened."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from freehold.errors import IntegrityError, RefusedError
from freehold.prices import overlay
from freehold.prices.model import FIX, ModelPrices, Price
from freehold.prices.rate import Rate

DATA = Path(__file__).parent / "data"
INDEX = "index.json"
DATED = re.compile(r"-(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
"""The date at the end of a model's name: -2026-11-21 or -20261121."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the table comes from; ``released`` is the day of that release, not of the prices in it."""

    package: str
    version: str
    released: str
    licence: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.package} {self.version} of {self.released}"


@dataclass(frozen=True)
class Table:
    """The models that were asked for, and the owner's contracts over them."""

    origin: Origin
    models: Mapping[tuple[str, str], ModelPrices]

    def prices(self, provider: str, model: str) -> ModelPrices:
        """Return a model's prices. Raises ``PRICE_UNKNOWN``: what has no price is not sent."""
        found = self.models.get((provider, model))
        if found is None:
            raise RefusedError(
                "PRICE_UNKNOWN",
                f"{provider} {model}",
                f"no such model in {self.origin} and in no contract",
                expected="a model with a price",
                why="a call without a price would not be counted against the cap",
                fix=FIX,
            )
        return found


def load(wanted: Iterable[tuple[str, str]], contracts: Sequence[overlay.Contract] = (), folder: Path = DATA) -> Table:
    """Read the prices of ``wanted``, pairs of provider and model; what is unknown is left out.

    Raises ``PRICE_TABLE_CHANGED`` (exit 4) where a file is not the one that the index names.
    """
    index = json.loads((folder / INDEX).read_bytes())
    origin = Origin(**index["origin"])
    models: dict[tuple[str, str], ModelPrices] = {}
    for provider, names in _grouped(wanted).items():
        shelf = _shelf(index, provider, folder)
        for name in names:
            listed = _listed(shelf, provider, name, str(origin))
            found = overlay.over(listed, contracts, provider, name)
            if found is not None:
                models[provider, name] = found
    return Table(origin, models)


def _grouped(wanted: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for provider, model in wanted:
        grouped.setdefault(provider, []).append(model)
    return grouped


def _shelf(index: Mapping[str, Any], provider: str, folder: Path) -> list[Mapping[str, Any]]:
    """Return the provider's own table, and of those whose models it sells on."""
    own = index["providers"].get(provider)
    if own is None:
        return []
    names = (provider, *own["resells"])
    tables = [_open(folder / f"{name}.json", index["providers"][name]["sha256"]) for name in names]
    hidden = set(own["hides"])
    return [tables[0], *({**table, "hidden": hidden} for table in tables[1:])]


def _open(path: Path, sha256: str) -> Mapping[str, Any]:
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise IntegrityError(
            "PRICE_TABLE_CHANGED",
            path.name,
            f"sha256 {found}",
            expected=f"sha256 {sha256}",
            why="prices that somebody changed would let more money out than the cap says",
            fix="install this release of Freehold anew; your own prices belong into the fleet document",
        )
    table: Mapping[str, Any] = json.loads(raw)
    return table


def _listed(shelf: Sequence[Mapping[str, Any]], provider: str, name: str, source: str) -> ModelPrices | None:
    for table in shelf:
        number = _number(table, name.lower())
        if number is not None:
            model = table["models"][number]
            return ModelPrices(
                provider, name, tuple(_price(row, f"{source}, {model['id']}") for row in model["prices"])
            )
    return None


def _number(table: Mapping[str, Any], name: str) -> int | None:
    names, undated = table["names"], DATED.sub("", name)
    canonical = DATED.sub(r"-\1-\2-\3", name)
    if {name, undated, canonical} & table.get("hidden", set()):
        return None
    for exact in (name, canonical):
        if exact in names:
            return int(names[exact])
    # Only where the source itself says that this name with any date has this price.
    return int(names[undated]) if undated != name and undated in table["any_date"] else None


def _price(row: Mapping[str, Any], source: str) -> Price:
    daily = row.get("daily")
    rates = {name: _rate(row[name]) for name in ("output", "cached", "written", "written_hour", "media") if name in row}
    return Price(
        input=_rate(row["input"]),
        output=rates.get("output"),
        cached=rates.get("cached"),
        written=rates.get("written"),
        written_hour=rates.get("written_hour"),
        media=rates.get("media"),
        request=row.get("request", 0),
        starts=date.fromisoformat(row["starts"]) if "starts" in row else None,
        daily=(time.fromisoformat(daily[0]), time.fromisoformat(daily[1])) if daily else None,
        source=source,
    )


def _rate(given: int | list[Any]) -> Rate:
    if isinstance(given, int):
        return Rate(given)
    return Rate(given[0], tuple((start, price) for start, price in given[1:]))
