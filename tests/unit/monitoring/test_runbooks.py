"""Runbooks: one for each alert, with commands that exist and questions that Prometheus understands."""

from __future__ import annotations

import re
import shlex
from typing import Any

import promql_parser
import pytest
from monitoring import rules, runbooks
from monitoring.metrics_page import known_names
from tests.command import whole
from tests.unit.monitoring.test_rules import asked

SECTIONS = ["See it", "What to do", "What it is not", "Figures"]
NAMES = sorted(alert.name for alert in rules.alerts())
WORST_LENGTH = 2500
OPTION = re.compile(r"--[a-z-]+")


def head(name: str) -> str:
    return runbooks.head(runbooks.FOLDER / f"{name}.md")


def commands(text: str) -> list[str]:
    """Lines of code blocks, and what stands between single backticks."""
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for block in blocks for line in block.splitlines()] + inline


def problem(command: Any, words: list[str]) -> str | None:
    """What of ``words`` the command does not know."""
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return f"no such command: {words[:1]}"
        command, words = command.commands[words[0]], words[1:]
    known = {option for one in command.params for option in one.opts}
    return next((word for word in words if OPTION.fullmatch(word) and word not in known), None)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_all_its_parts(name: str) -> None:
    page = (runbooks.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert len(head(name)) < WORST_LENGTH
    assert all(part.strip() for part in re.split(r"^#.*$", page, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_of_freehold_exist(name: str) -> None:
    app = whole()
    for one in commands(head(name)):
        if one.startswith("freehold "):
            assert problem(app, shlex.split(one)[1:]) is None, one


@pytest.mark.parametrize("name", NAMES)
def test_its_questions_ask_for_what_exists(name: str) -> None:
    for one in commands(head(name)):
        if one.startswith("promtool query"):
            expr = shlex.split(one)[-1]
            promql_parser.parse(expr)
            assert asked(expr) <= known_names(), one


def test_a_command_that_is_not_there_is_found() -> None:
    """The positive control."""
    app = whole()
    assert problem(app, ["ledger", "mend"]) is not None
    assert problem(app, ["drift", "--everywhere"]) == "--everywhere"
    assert problem(app, ["gateway", "ledger", "check"]) is None


def test_the_index_names_each() -> None:
    page = (runbooks.FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((Freehold\w+)\.md\)", page)) == NAMES
