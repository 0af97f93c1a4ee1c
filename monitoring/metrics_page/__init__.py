"""``docs/metrics.md``, written from the programs themselves: ``python -m monitoring.metrics_page``.

::

    described   what is said about a metric, wherever it is from
    ours        what Freehold's programs show: read from their own code
    declared    site constants, and what others' programs show and rules or panels read
    words       more words than fit into a metric's help
    page        all of it as a page
"""

from __future__ import annotations

from monitoring.metrics_page.page import PAGE, known_names, render

__all__ = ["PAGE", "known_names", "render"]
