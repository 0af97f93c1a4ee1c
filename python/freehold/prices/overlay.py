"""The owner's own contracts, on top of the table: ``prices`` of the fleet document.

A list of objects: ``provider``, ``model`` (the exact name that goes over the wire), ``effective_from`` (a date, UTC),
``per_million_tokens`` (US dollars: ``input`` and ``output``, and where the contract has them ``cached``, ``written``,
``written_hour``), ``longer_prompts`` (optional: ``above``, a number of prompt tokens, and the prices for all tokens of
a call with more) and ``note`` (where the price is written down). From its date on an entry stands before the table,
until a later entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from freehold.errors import FreeholdError, raise_all
from freehold.prices.model import ModelPrices, Price
from freehold.prices.rate import PICO_PER_MTOK, Rate, pico
from freehold.service.settings import Table as Fields

KINDS = ("input", "output", "cached", "written", "written_hour")
NEEDED = ("input", "output")
DATE = "effective_from"
LONGEST_PROMPT = 1 << 30
MOST = Decimal(100_000)
"""Dollars for a million tokens. The dearest list price of 2026 is below 1,000: this is somebody's other unit."""


@dataclass(frozen=True)
class Contract:
    """One entry, read."""

    provider: str
    model: str
    price: Price

    @property
    def key(self) -> tuple[str, str]:
        """What it prices."""
        return self.provider, self.model


def read(raw: object, subject: str = "the fleet document") -> tuple[Contract, ...]:
    """Read and check the list; raises all errors together."""
    errors: list[FreeholdError] = []
    top = Fields(subject, {"prices": _as_texts(raw)}, errors)
    contracts = top.tables("prices", _contract)
    twice = Counter((*one.key, one.price.starts) for one in contracts if all(one.key))
    for (provider, model, starts), count in twice.items():
        if count > 1:
            top.refuse(
                "prices", f"{provider} {model} from {starts} {count} times", "each once", code="CONFIG_DUPLICATE"
            )
    raise_all(errors)
    return contracts


def over(prices: ModelPrices | None, contracts: Sequence[Contract], provider: str, model: str) -> ModelPrices | None:
    """Return ``prices`` with the owner's own put last, where they count first; none where nobody knows the model."""
    own = sorted((one.price for one in contracts if one.key == (provider, model)), key=lambda price: str(price.starts))
    if not own:
        return prices
    listed = prices.prices if prices else ()
    return ModelPrices(provider, model, (*listed, *own))


def _as_texts(raw: Any) -> Any:
    # YAML makes numbers and dates of what it reads. A price is taken as it was written: 0.1 is a tenth, exactly.
    if isinstance(raw, list):
        return [_as_texts(row) for row in raw]
    if not isinstance(raw, Mapping):
        return raw
    return {name: str(value) if _written(name, value) else _as_texts(value) for name, value in raw.items()}


def _written(name: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (name in KINDS and number) or (name == DATE and isinstance(value, date))


def _contract(fields: Fields) -> Contract:
    provider, model, note = fields.text("provider"), fields.text("model"), fields.text("note", "")
    starts, money = _date(fields), fields.table("per_million_tokens")
    base = _dollars(money, NEEDED)
    money.close()
    longer = fields.maybe("longer_prompts")
    above, dearer = _longer(longer) if longer else (0, {})
    rates = {kind: Rate(price, ((above, dearer[kind]),) if kind in dearer else ()) for kind, price in base.items()}
    source = f"contract: {note}" if note else "contract"
    nothing = Rate(0)
    return Contract(
        provider,
        model,
        Price(
            input=rates.get("input", nothing),
            output=rates.get("output"),
            cached=rates.get("cached"),
            written=rates.get("written"),
            written_hour=rates.get("written_hour"),
            starts=starts,
            source=source,
        ),
    )


def _longer(fields: Fields) -> tuple[int, dict[str, int]]:
    above = fields.integer("above", 1, LONGEST_PROMPT)
    prices = _dollars(fields, NEEDED)
    fields.close()
    return above, prices


def _date(fields: Fields) -> date | None:
    given = fields.text(DATE)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        fields.refuse(DATE, repr(given[:40]), "a date like 2026-11-21")
        return None


def _dollars(fields: Fields, needed: Sequence[str]) -> dict[str, int]:
    given = {kind: fields.text(kind) if kind in needed else fields.text(kind, "") for kind in KINDS}
    read_ = {kind: _price(fields, kind, text) for kind, text in given.items() if text}
    return {kind: price for kind, price in read_.items() if price is not None}


def _price(fields: Fields, kind: str, text: str) -> int | None:
    try:
        dollars = Decimal(text)
        if 0 < dollars <= MOST:
            return pico(dollars, PICO_PER_MTOK)
    except InvalidOperation:
        pass
    fields.refuse(
        kind,
        text[:40],
        f"US dollars for a million tokens, more than 0 and at most {MOST}",
        why="what is priced at nothing would never reach the cap",
    )
    return None
