"""Hours, days and months of UTC, as integers."""

from __future__ import annotations

from datetime import UTC, datetime

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONTHS = 12


def hour(ms: int) -> int:
    """Hours since the epoch."""
    return ms // HOUR_MS


def day(ms: int) -> int:
    """Days since the epoch."""
    return ms // DAY_MS


def month(ms: int) -> int:
    """Year and month as one number: 202611."""
    at = datetime.fromtimestamp(ms / SECOND_MS, UTC)
    return at.year * 100 + at.month


def next_day_ms(ms: int) -> int:
    """When the next day begins."""
    return (day(ms) + 1) * DAY_MS


def end_of_date_ms(date: str) -> int:
    """When a day, written ``YYYY-MM-DD``, is over. Raises :class:`ValueError` for any other text."""
    first = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
    return int(first.timestamp()) * SECOND_MS + DAY_MS


def next_month_ms(ms: int) -> int:
    """When the next month begins."""
    at = datetime.fromtimestamp(ms / SECOND_MS, UTC)
    year, index = divmod(at.year * MONTHS + at.month, MONTHS)
    return int(datetime(year, index + 1, 1, tzinfo=UTC).timestamp()) * SECOND_MS


def day_text(number: int) -> str:
    """``2026-11-21`` of a day's number."""
    return datetime.fromtimestamp(number * DAY_MS / SECOND_MS, UTC).strftime("%Y-%m-%d")
