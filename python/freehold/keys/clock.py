"""Time as the hierarchy uses it: UTC, whole seconds, given by the caller."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]

SKEW = dt.timedelta(minutes=5)
"""Certificates begin this long before they are made, so that a peer whose clock is a little late accepts them. A clock
that is further off is refused before anything changes."""

ROOT_LIFE = dt.timedelta(days=3653)
"""Ten years: longer than the hardware; a root is replaced by rotation, with both trusted for a time."""
ISSUING_LIFE = dt.timedelta(days=366)
"""The root has to be brought out once a year."""
SIGNING_LIFE = dt.timedelta(days=1827)
"""Five years: what is signed is checked long after."""
LEAF_DAYS = 90
"""Three months, renewed when a third is left: a month in which renewal may fail and nothing is lost."""


def now() -> dt.datetime:
    """The time, in UTC and whole seconds (X.509 knows no others)."""
    return dt.datetime.now(tz=dt.UTC).replace(microsecond=0)


def iso(moment: dt.datetime) -> str:
    """``moment`` as documents show it."""
    return moment.isoformat(timespec="seconds")


def is_due(begin: dt.datetime, end: dt.datetime, moment: dt.datetime) -> bool:
    """Tell whether a third or less of the life from ``begin`` to ``end`` is left."""
    return end - moment <= (end - begin) / 3
