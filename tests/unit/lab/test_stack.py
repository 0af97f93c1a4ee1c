"""What `make up` shows of Pulumi: the counts when it went well, the diagnostics when it did not, the current task."""

import threading
from pathlib import Path

from freehold.lab import stack

DONE = """Updating (lab):
 +  pulumi:pulumi:Stack fleet-lab created
Outputs:
    document: {}
Resources:
    + 4 created
    ~ 1 updated
    5 changes. 1 unchanged

Duration: 1m2s
"""
FAILED = """Updating (lab):
Diagnostics:
  command:local:Command (gpu1-converge):
    error: exit status 5

Resources:
    1 errored
"""


def test_the_summary_is_the_counts() -> None:
    assert stack.summary(DONE) == "4 created, 1 updated, 1 unchanged"


def test_a_failure_shows_the_diagnostics_and_not_the_rest() -> None:
    shown = stack._diagnostics(FAILED)
    assert shown.startswith("Diagnostics:")
    assert "exit status 5" in shown
    assert "Updating" not in shown


def test_the_current_task_of_each_node_is_reported_once(tmp_path: Path) -> None:
    lines: list[str] = []
    seen = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        seen.set()

    with stack.watched(tmp_path, report):
        (tmp_path / "converge-gpu1.task").write_text("3 base : Install\n")
        assert seen.wait(timeout=10)
    assert lines == ["gpu1: 3 base : Install"]


def test_a_kept_secret_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "operator-key"
    key = stack.kept_secret(path)
    assert stack.kept_secret(path) == key
    assert key.startswith("fh-")
    assert path.stat().st_mode & 0o077 == 0
