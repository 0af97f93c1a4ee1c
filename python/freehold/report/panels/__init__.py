"""The three views: what a token costs, whether the fleet is well, whether it is still the owner's.

Recorded series of ``monitoring/rules`` where there is one, raw metrics of ``docs/metrics.md`` where there is not. What
an engine or a fleet does not have is said in a panel's ``may_be_empty``; it is never drawn as a zero.
"""

from freehold.report.model import View
from freehold.report.panels.cost import COST
from freehold.report.panels.health import HEALTH
from freehold.report.panels.sovereignty import SOVEREIGNTY

VIEWS: tuple[View, ...] = (COST, HEALTH, SOVEREIGNTY)
"""In the order in which they are shown."""
