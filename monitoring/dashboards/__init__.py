"""Grafana's dashboards of the views in :mod:`freehold.report.panels`; ``python -m monitoring.render`` writes them.

The JSON is made with Grafana's own builders (grafana-foundation-sdk), uses panels of Grafana's core alone, and is
the same to the byte whenever the views are. Grafana 10.1 and later read it.
"""

from monitoring.dashboards.files import FOLDER, rendered

__all__ = ["FOLDER", "rendered"]
