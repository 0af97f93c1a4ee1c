"""``python -m monitoring.metrics_page``: write the page."""

from __future__ import annotations

from monitoring.metrics_page import PAGE, render

if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
