"""How many requests may be open: in all, for one key, for one model. Those over the limit hear so at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from freehold.gateway.config import Limits, Model
from freehold.gateway.refusals import RefusalError, busy, too_many_of_yours


class Gate:
    """Counts open requests of one process; all calls come from its event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    @contextmanager
    def caller(self, key: str) -> Iterator[None]:
        """Hold one of the gateway's places and one of this key's."""
        whole = self._limits.concurrent
        with (
            self._place("all", whole, lambda: busy("This endpoint", whole)),
            self._place(
                f"key {key}",
                self._limits.concurrent_per_key,
                lambda: too_many_of_yours(self._limits.concurrent_per_key),
            ),
        ):
            yield

    @contextmanager
    def model(self, model: Model) -> Iterator[None]:
        """Hold one of the model's places."""
        full = lambda: busy(f"Model {model.name}", model.concurrent)  # noqa: E731  one expression, used once
        with self._place(f"model {model.name}", model.concurrent, full):
            yield

    @contextmanager
    def _place(self, name: str, limit: int, full: Callable[[], RefusalError]) -> Iterator[None]:
        if self._open[name] >= limit:
            raise full()
        self._open[name] += 1
        try:
            yield
        finally:
            self._open[name] -= 1
