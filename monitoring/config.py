"""Every figure that rules and alerts compare with: value, unit, why it is that, where it is from, since when."""

from __future__ import annotations

from monitoring.model import Threshold

SOVEREIGNTY_STALE = Threshold(
    900, "s", "three rounds of the checks' timer: one late round is no news", "roles/sovereignty_checks", "2026-11"
)
