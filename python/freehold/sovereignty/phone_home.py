"""The switches that keep programs from calling home, from the one data file that the roles render too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

# Every unit of ours carries all switches of a node: which library a program loads tomorrow is not for a list to know.
GUARDED_UNITS = ("freehold-runtime", "freehold-embedding", "freehold-gateway", "freehold-gpu-exporter")
# Where the monitor has it.
GUARDED_ON_MONITORS = ("grafana-server",)


def components() -> list[dict[str, Any]]:
    """Read the data file: one entry a component, with ``where`` it runs and its ``environment``."""
    text = resources.files("freehold.sovereignty").joinpath("phone_home.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["components"]
    return found


def environment(where: str, entries: Iterable[dict[str, Any]] | None = None) -> dict[str, str]:
    """Return every switch of the components that run at ``where`` (``node``, ``monitor`` or ``control``)."""
    chosen = components() if entries is None else entries
    return {name: value for entry in chosen if entry["where"] == where for name, value in entry["environment"].items()}


def switches() -> dict[str, dict[str, str]]:
    """Return unit name without suffix → the environment that it must carry, exactly."""
    return {unit: environment("node") for unit in GUARDED_UNITS} | {
        unit: environment("monitor") for unit in GUARDED_ON_MONITORS
    }
