"""How many requests may be open: in all, for one key, for one model. Those over the limit hear so at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from freehold.gateway.config import Limits, Model
from freehold.gateway.refusals import RefusalError, busy, too_many_of_yours

ALL = ""
Places = Counter[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A place, held for the length of a ``with``. contextlib's way would cost more than the counting."""

    places: Places
    name: str

    def __enter__(self) -> None:
        """Take it."""
        self.places[self.name] += 1

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.places[self.name] -= 1


class Gate:
    """Counts open requests of one process; all calls come from its event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all, self._keys, self._models = Places(), Places(), Places()

    def everyone(self) -> Held:
        """One of the gateway's places."""
        most = self._limits.concurrent
        return _place(self._all, ALL, most, lambda: busy("This endpoint", most))

    def caller(self, key: str) -> Held:
        """One of this key's places."""
        most = self._limits.concurrent_per_key
        return _place(self._keys, key, most, lambda: too_many_of_yours(most))

    def model(self, model: Model) -> Held:
        """One of the model's places."""
        return _place(self._models, model.name, model.concurrent, lambda: busy(f"Model {model.name}", model.concurrent))

    def open(self, model: str) -> int:
        """How many requests a model is answering."""
        return self._models[model]


def _place(places: Places, name: str, limit: int, full: Callable[[], RefusalError]) -> Held:
    if places[name] >= limit:
        raise full()
    return Held(places, name)
