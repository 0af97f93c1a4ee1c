"""What Alertmanager posts (webhook, version 4), and whether it is a beat."""

from __future__ import annotations

import json
from typing import Any

ALERT = "FreeholdDeadMansSwitch"
VERSION = "4"


class NoBeatError(ValueError):
    """What came is not what Alertmanager posts."""


def is_beat(body: bytes) -> bool:
    """Tell whether the always firing alert is among the firing ones. Raises :class:`NoBeatError` for anything else."""
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoBeatError("no JSON") from error
    if not isinstance(posted, dict) or posted.get("version") != VERSION or not isinstance(posted.get("alerts"), list):
        raise NoBeatError(f"no message of version {VERSION}")
    return any(_fires(alert) for alert in posted["alerts"])


def _fires(alert: Any) -> bool:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    return isinstance(labels, dict) and labels.get("alertname") == ALERT and alert.get("status") == "firing"
