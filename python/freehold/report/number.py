"""Numbers as people read them: a unit, a prefix, three figures; ``not known`` where there is none.

A figure that is missing is never shown as zero. Infinity is said, for it is an answer, though never a good one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from freehold.report.model import Unit

NOT_KNOWN = "not known"
FIGURES = 3
PLAIN_UP_TO = 10_000
"""Below it a count is written out: 9,412 says more than 9.41 k."""

WHOLE_FROM = 1000
"""From here on a sum of money without cents is written without them."""

NARROW = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

Prefixes = tuple[tuple[float, str], ...]
LARGE: Prefixes = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
SMALL: Prefixes = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
BINARY: Prefixes = tuple(
    (1024.0**power, prefix) for power, prefix in ((5, "Pi"), (4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki"))
)
SUFFIX = {
    Unit.WATTS: "W",
    Unit.JOULES: "J",
    Unit.BYTES: "B",
    Unit.BYTES_PER_SECOND: "B/s",
    Unit.HERTZ: "Hz",
    Unit.PER_SECOND: "/s",
    Unit.TOKENS_PER_SECOND: "tok/s",
}
PHYSICAL = frozenset({Unit.WATTS, Unit.JOULES, Unit.HERTZ})
"""Units that take prefixes from the first thousand on, and below one."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def known(value: float | None) -> bool:
    """Whether there is a number at all."""
    return value is not None and not math.isnan(value)


def text(value: float | None, unit: Unit, *, decimals: int | None = None, currency: str = "") -> str:
    """One figure with its unit. ``value`` is in base units; ``currency`` goes with money."""
    if value is None or math.isnan(value):
        return NOT_KNOWN
    if math.isinf(value):
        return "infinite" if value > 0 else "below all bounds"
    return _signed(value, _finite(abs(value), unit, decimals, currency))


def _signed(value: float, shown: str) -> str:
    return MINUS + shown if value < 0 and any(digit in shown for digit in "123456789") else shown


def _finite(value: float, unit: Unit, decimals: int | None, currency: str) -> str:
    match unit:
        case Unit.RATIO | Unit.CELSIUS:
            factor, suffix = (100, "%") if unit is Unit.RATIO else (1, "°C")
            return f"{digits(value * factor, decimals)}{NARROW}{suffix}"
        case Unit.SECONDS | Unit.TIME_AGO:
            # How long ago something was is not known to the millisecond.
            return f"{duration(round(value))} ago" if unit is Unit.TIME_AGO else duration(value, decimals)
        case Unit.MONEY:
            return f"{money(value, decimals)}{NARROW}{currency}".rstrip(NARROW)
        case Unit.STATE:
            return digits(value, decimals)
        case _:
            return _prefixed(value, unit, decimals)


def _prefixed(value: float, unit: Unit, decimals: int | None) -> str:
    factor, prefix = prefix_of(value, unit)
    suffix = prefix + SUFFIX.get(unit, "")
    if unit in {Unit.PER_SECOND, Unit.TOKENS_PER_SECOND} and prefix:
        suffix = f"{prefix}{'' if unit is Unit.PER_SECOND else NARROW}{SUFFIX[unit]}"
    # Decimals are meant for the plain unit: 5,231 W without any is 5.23 kW. A whole number needs none.
    asked = None if factor != 1 or (unit is Unit.NUMBER and value == int(value)) else decimals
    return f"{digits(value / factor, asked)}{NARROW}{suffix}".rstrip(NARROW)


def prefix_of(value: float, unit: Unit) -> tuple[float, str]:
    """The factor and the prefix in which ``value`` (not negative) is best read."""
    if unit in {Unit.BYTES, Unit.BYTES_PER_SECOND}:
        prefixes, plain = BINARY, 1024.0
    else:
        prefixes = LARGE + (SMALL if unit in PHYSICAL else ())
        plain = 0.0 if unit in PHYSICAL else PLAIN_UP_TO
    if value == 0 or 1 <= value < plain:
        return 1.0, ""
    return next(((factor, prefix) for factor, prefix in prefixes if value >= factor), (1.0, ""))


def digits(value: float, decimals: int | None = None) -> str:
    """Three figures, thousands set apart; zeros at the end only where ``decimals`` asks for them."""
    if math.isinf(value):
        return "more than can be told"
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if value == 0:
        return "0"
    places = max(0, FIGURES - 1 - math.floor(math.log10(value)))
    shown = f"{value:,.{min(places, 9)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def money(value: float, decimals: int | None = None) -> str:
    """Two decimals, as prices are written; below a tenth ``decimals`` of them, or three figures."""
    if value >= WHOLE_FROM and value == int(value):
        return f"{value:,.0f}"
    if value >= 0.1 or not value:  # noqa: PLR2004  two figures are left there
        return f"{value:,.2f}"
    return digits(value) if decimals is None else f"{value:,.{decimals}f}"


def duration(seconds: float, decimals: int | None = None) -> str:
    """``240 ms``, ``3.2 s``, ``4 min 10 s``, ``5 h 20 min``, ``3 d 4 h``."""
    if seconds < 1:
        factor, unit = (1e-3, "ms") if seconds >= 1e-3 else (1e-6, "µs")  # noqa: PLR2004  a thousandth
        return f"{digits(seconds / factor)}{NARROW}{unit}" if seconds else f"0{NARROW}s"
    if seconds < MINUTE:
        return f"{digits(seconds, decimals)}{NARROW}s"
    if seconds < HOUR:
        return _pair(seconds, MINUTE, "min", 1.0, "s")
    return _pair(seconds, HOUR, "h", MINUTE, "min") if seconds < DAY else _pair(seconds, DAY, "d", HOUR, "h")


def _pair(seconds: float, large: float, large_name: str, small: float, small_name: str) -> str:
    whole, rest = divmod(round(seconds / small), round(large / small))
    return f"{whole:,}{NARROW}{large_name}" + (f" {rest}{NARROW}{small_name}" if rest else "")


def axis(values: Sequence[float], unit: Unit, currency: str = "") -> list[str]:
    """Labels of ticks: all in one prefix with the same decimals, so that an eye can compare them."""
    top = max((abs(value) for value in values), default=0.0)
    if unit in {Unit.SECONDS, Unit.TIME_AGO} and top >= MINUTE:
        return [_signed(value, duration(abs(value))) if value else "0" for value in values]
    factor, suffix = _axis_unit(top, unit, currency)
    places = _places([value / factor for value in values])
    written = (_signed(value, f"{abs(value) / factor:,.{places}f}") for value in values)
    shown = [f"{one}{NARROW}{suffix}".rstrip(NARROW) for one in written]
    return [label if value or unit is Unit.CELSIUS else "0" for value, label in zip(values, shown, strict=True)]


def _axis_unit(top: float, unit: Unit, currency: str) -> tuple[float, str]:
    match unit:
        case Unit.RATIO:
            return 0.01, "%"
        case Unit.CELSIUS:
            return 1.0, "°C"
        case Unit.SECONDS | Unit.TIME_AGO:
            return next((pair for pair in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if top >= pair[0]), (1.0, "s"))
        case Unit.MONEY:
            return 1.0, currency
        case _:
            factor, prefix = prefix_of(top, unit)
            suffix = SUFFIX.get(unit, "")
            return factor, f"{prefix}{NARROW}{suffix}" if unit is Unit.TOKENS_PER_SECOND and prefix else prefix + suffix


def _places(values: Sequence[float]) -> int:
    """The decimals that tell all of ``values`` apart, at most 6."""
    for places in range(6):
        if all(math.isclose(round(value, places), value, rel_tol=1e-6, abs_tol=1e-12) for value in values):
            return places
    return 6
