"""Events of a counter that is born with its first: a rate or an increase cannot see that one.

A series that is there, and was not on the page that was read at the window's beginning, counts whole. ``events_kept``
tells also what happened while the monitor was away, when it is back: a series that nobody has seen for a day before.
What it saw before it went is not told again.
"""

from __future__ import annotations


def events(series: str, window: str, job: str) -> str:
    """How many in ``window``, of each series of the pages of ``job``."""
    return f"({_born(series, window, job)}\n  or\n  increase({series}[{window}])\n)"


def events_kept(series: str, window: str, job: str) -> str:
    """The same, where one that happened out of sight matters more than its time."""
    unseen = f"{series}\n    unless last_over_time({series}[1d] offset {window})"
    return f"({_born(series, window, job)}\n  or\n  {unseen}\n  or\n  increase({series}[{window}])\n)"


def _born(series: str, window: str, job: str) -> str:
    read = f'up{{job="{job}"}} offset {window} == 1'
    return f"\n  {series}\n    unless {series} offset {window}\n    and on (node) {read}"
