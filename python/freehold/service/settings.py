"""Reading a service's JSON settings: typed, with all errors of a file together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from freehold.errors import FreeholdError, RefusedError

Built = TypeVar("Built")
MISSING: Any = object()
FIX = "correct the value where it comes from (the stack's configuration or the role's variables) and converge again"


class Table:
    """One JSON object while it is being read. A wrong field is noted in ``errors`` and a stand-in is returned.

    Every ``take`` removes the field, so that :meth:`close` can name those that nobody asked for.
    """

    def __init__(self, subject: str, raw: object, errors: list[FreeholdError], prefix: str = "") -> None:
        self.subject, self.errors, self.prefix = subject, errors, prefix
        self._is_object = isinstance(raw, Mapping)
        self._left: dict[str, Any] = dict(raw) if isinstance(raw, Mapping) else {}
        if not self._is_object and raw is not MISSING:
            self.refuse("", f"{_shown(raw)}", "an object")

    def refuse(self, name: str, found: str, expected: str, *, code: str = "CONFIG_BAD_VALUE", why: str = "") -> None:
        """Note that the field ``name`` is wrong."""
        key = ".".join(part for part in (self.prefix, name) if part) or "the whole file"
        self.errors.append(RefusedError(code, f"{self.subject}: {key}", found, expected, why=why, fix=FIX))

    def text(self, name: str, default: Any = MISSING, *, among: Sequence[str] = ()) -> str:
        """Take a non-empty text, one of ``among`` where that is given."""
        expected = f"one of {', '.join(among)}" if among else "a text that is not empty"
        value = self._take(name, default, expected, lambda v: isinstance(v, str) and v and (not among or v in among))
        return str(value or "")

    def integer(self, name: str, low: int, high: int, default: Any = MISSING) -> int:
        """Take a whole number from ``low`` to ``high``, both included."""
        return int(self._take(name, default, f"a whole number from {low} to {high}", _whole(low, high)) or 0)

    def boolean(self, name: str, default: Any = MISSING) -> bool:
        """Take true or false."""
        return bool(self._take(name, default, "true or false", lambda v: isinstance(v, bool)))

    def any(self, name: str, default: Any = MISSING) -> Any:
        """Take whatever is there: somebody else reads and checks it."""
        return self._take(name, default, "a value", lambda _: True)

    def names(self, name: str) -> tuple[tuple[str, str], ...]:
        """Take an object from names to names, none by default, in its order."""
        good: Callable[[Any], Any] = lambda v: isinstance(v, Mapping) and all(_both_texts(pair) for pair in v.items())  # noqa: E731
        return tuple((self._take(name, {}, "an object of texts", good) or {}).items())

    def table(self, name: str, default: Any = MISSING) -> Table:
        """Take an object."""
        value = self._take(name, default, "an object", lambda v: isinstance(v, Mapping))
        return Table(self.subject, MISSING if value is None else value, self.errors, self._inner(name))

    def maybe(self, name: str) -> Table | None:
        """Take an object that may be left out."""
        return self.table(name) if name in self._left else None

    def tables(self, name: str, build: Callable[[Table], Built], *, least: int = 0) -> tuple[Built, ...]:
        """Take a list of objects, ``least`` or more, and build each; unknown fields of each are noted."""
        expected = f"a list of {least} or more objects"
        value = self._take(name, MISSING, expected, lambda v: _list_of(Mapping)(v) and len(v) >= least)
        rows = [Table(self.subject, row, self.errors, f"{self._inner(name)}[{n}]") for n, row in enumerate(value or ())]
        return tuple(_built(row, build) for row in rows)

    def texts(self, name: str, default: Any = MISSING) -> tuple[str, ...]:
        """Take a list of texts."""
        return tuple(self._take(name, default, "a list of texts", _list_of(str)) or ())

    def close(self) -> None:
        """Note each field that nobody took."""
        for name in self._left:
            self.refuse(name, "unknown key", "only keys that are documented", code="CONFIG_UNKNOWN_KEY")

    def _take(self, name: str, default: Any, expected: str, good: Callable[[Any], Any]) -> Any:
        if not self._is_object:
            return None  # said once, of the object itself
        value = self._left.pop(name, default)
        if value is MISSING:
            self.refuse(name, "not there", expected, code="CONFIG_MISSING_KEY")
            return None
        if value is not default and not good(value):
            self.refuse(name, _shown(value), expected)
            return None
        return value

    def _inner(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name


def read_json(path: Path) -> object:
    """Read a settings file; raises :class:`RefusedError` that names the place where it stops being JSON."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise RefusedError(
            "CONFIG_UNREADABLE", str(path), f"{type(error).__name__}", "a readable JSON file", fix=FIX
        ) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError("CONFIG_NOT_JSON", str(path), str(error), "a JSON file", fix=FIX) from error


def _built(row: Table, build: Callable[[Table], Built]) -> Built:
    built = build(row)
    row.close()
    return built


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _both_texts(pair: tuple[Any, Any]) -> bool:
    return all(isinstance(one, str) and one for one in pair)


def _list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(row, kind) for row in value)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  a line of an error message
