"""One subject a file: what is recorded of it, and when somebody is told."""

from __future__ import annotations

from monitoring.model import Alert, Recording, Subject
from monitoring.rules import (
    books,
    certificates,
    cost,
    drift,
    energy,
    frontier,
    gateway,
    gpu,
    gpu_faults,
    host,
    runtime,
    sovereignty,
    watching,
)

SUBJECTS: tuple[Subject, ...] = (
    runtime.SUBJECT,
    gateway.SUBJECT,
    gpu.SUBJECT,
    energy.SUBJECT,
    cost.SUBJECT,
    frontier.SUBJECT,
    sovereignty.SUBJECT,
    gpu_faults.SUBJECT,
    books.SUBJECT,
    certificates.SUBJECT,
    drift.SUBJECT,
    host.SUBJECT,
    watching.SUBJECT,
)


def alerts() -> tuple[Alert, ...]:
    """All of them, in the order of the files."""
    return tuple(alert for subject in SUBJECTS for alert in subject.alerts)


def recorded() -> tuple[Recording, ...]:
    """All of them, in the order of the files."""
    return tuple(recording for subject in SUBJECTS for recording in subject.recorded)
