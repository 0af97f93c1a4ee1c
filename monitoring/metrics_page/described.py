"""What is said about a metric, wherever it is from."""

from __future__ import annotations

from dataclasses import dataclass

HISTOGRAM = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Described:
    """One metric by the name of its family, as it stands in queries; a histogram has three series of it."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: str = "gauge"
    unit: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may ask for."""
        return tuple(self.name + end for end in HISTOGRAM) if self.kind == "histogram" else (self.name,)


@dataclass(frozen=True)
class Table:
    """Metrics of one origin under one heading; ``about`` comes before them."""

    title: str
    about: str
    metrics: tuple[Described, ...]
