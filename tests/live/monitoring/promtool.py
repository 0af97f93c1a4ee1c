"""promtool, as Debian's package prometheus brings it: what Prometheus itself says about rules and their tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.programs import program

from freehold.paths import PROJECT

RULES = PROJECT / "monitoring" / "rendered" / "rules"
TESTS = PROJECT / "tests" / "rules"
SECONDS = 300


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it; a machine without it fails, for rules that nobody tested are no rules."""
    command = [program("promtool"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def files(folder: Path = TESTS) -> list[Path]:
    """The files of tests."""
    return sorted(folder.glob("*.yml"))


def alert_tests(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Every question about an alert in them."""
    pages = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths)
    return [one for page in pages for test in page["tests"] for one in test.get("alert_rule_test", ())]


def world(folder: Path, rule_files: Mapping[str, str], tests: Mapping[str, str]) -> list[Path]:
    """The tree's two folders again below ``folder``, with other content; returns the files of tests."""
    made = []
    for place, content in ((RULES, rule_files), (TESTS, tests)):
        target = folder / place.relative_to(PROJECT)
        target.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            (target / name).write_text(text, encoding="utf-8")
            made.append(target / name)
    return [path for path in made if path.parent.name == TESTS.name and path.parent.parent.name == TESTS.parent.name]
