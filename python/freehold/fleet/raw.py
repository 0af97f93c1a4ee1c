"""The raw configuration: what checks read before it is known to be valid. A wrong type is stepped over, not met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from freehold.errors import FreeholdError

Data = Mapping[str, Any]
Found = Iterator[FreeholdError]


def items(data: Data, key: str) -> Iterator[tuple[int, Data]]:
    """The entries of a list that are mappings, with their index."""
    entries = data.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def mapping(value: Any) -> Data:
    """``value`` where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def is_number(value: Any) -> bool:
    """Whether it is an integer; to Python a truth value is one, to a user it is not."""
    return isinstance(value, int) and not isinstance(value, bool)
