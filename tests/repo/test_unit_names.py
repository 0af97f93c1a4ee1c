"""Freehold's units are named in one place, and what cannot read that place says the same."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from freehold.paths import PROJECT
from freehold.service.unit_names import EVERY, RESTARTED, SANDBOXED
from freehold.support import node_collect

SUFFIXES = (".service", ".socket", ".timer", ".target", ".path", ".mount")
EXPECTED = {
    "playbooks/site.yml": RESTARTED,
    "roles/service_sandbox/tasks/configure.yml": SANDBOXED,
    "roles/service_sandbox/handlers/main.yml": SANDBOXED,
}


def _texts(node: Any) -> Iterator[list[str]]:
    """Every list of texts in a document."""
    if isinstance(node, dict):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        if all(isinstance(one, str) for one in node):
            yield node
        for value in node:
            yield from _texts(value)


def _patterns(file: str) -> list[set[str]]:
    """The patterns of units in each list of a file that has some."""
    document = yaml.safe_load((PROJECT / file).read_text(encoding="utf-8"))
    found = ({one for one in words if "*" in one and one.endswith(SUFFIXES)} for words in _texts(document))
    return [patterns for patterns in found if patterns]


def _laid_down() -> set[str]:
    """Every unit that a role has a template of; a template may be one of several for the same unit."""
    names = {path.name for path in PROJECT.glob("roles/*/templates/*.j2")}
    return {
        name[: name.index(suffix) + len(suffix)]
        for name in names
        for suffix in SUFFIXES
        if suffix in name and not name.startswith(".")
    }


def _left_out(patterns: Iterable[str]) -> list[str]:
    asked = list(patterns)
    return sorted(unit for unit in _laid_down() if not any(fnmatch(unit, pattern) for pattern in asked))


def test_every_unit_of_every_role_is_among_them() -> None:
    assert len(_laid_down()) > 20
    assert _left_out(EVERY) == []


@pytest.mark.parametrize("pattern", EVERY)
def test_without_one_pattern_a_unit_would_be_left_out(pattern: str) -> None:
    assert _left_out(one for one in EVERY if one != pattern)


@pytest.mark.parametrize("file", EXPECTED)
def test_what_ansible_names_is_the_same(file: str) -> None:
    assert _patterns(file) == [set(EXPECTED[file])]


def test_the_support_bundle_takes_all_of_them() -> None:
    assert set(node_collect.UNITS) == set(EVERY)
    assert all(repr(pattern) in node_collect.COMMANDS["units/list.txt"] for pattern in EVERY)


def test_what_takes_the_sandbox_on_is_restarted_into_it() -> None:
    """A unit that links the drop-in and is not restarted keeps the old one until somebody happens to restart it."""
    texts = {path: path.read_text(encoding="utf-8") for path in PROJECT.glob("roles/*/templates/*.service*.j2")}
    linked = {path.parents[1].name for path in PROJECT.glob("roles/*/tasks/*.yml") if _links(path.read_text())}
    units = [path.name.split(".service")[0] + ".service" for path in texts if path.parents[1].name in linked]
    assert len(units) >= 5
    assert [unit for unit in units if not any(fnmatch(unit, pattern) for pattern in SANDBOXED)] == []


def _links(text: str) -> bool:
    return ".d/10-sandbox.conf" in text and "state: link" in text
