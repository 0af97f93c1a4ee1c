"""Rules that the tree itself keeps."""

import re
import subprocess
from pathlib import Path

import pytest

from freehold.paths import PROJECT

TOP_LEVEL = {
    "playbooks",
    "stacks",
    "roles",
    "python",
    "monitoring",
    "tests",
    "inventory",
    "requirements",
    "docs",
    ".ci",
}
TOO_LONG = 300


def tracked() -> list[Path]:
    output = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [PROJECT / name for name in output.split("\0") if name and (PROJECT / name).is_file()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        try:
            found[str(path.relative_to(PROJECT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_folders_at_the_top_are_the_agreed_ones() -> None:
    assert {path.relative_to(PROJECT).parts[0] for path in tracked() if path.parent != PROJECT} <= TOP_LEVEL


def test_no_file_of_code_is_longer_than_a_reader_holds(texts: dict[str, str]) -> None:
    code = {name: text.count("\n") for name, text in texts.items() if name.endswith((".py", ".yml", ".j2"))}
    assert {name: lines for name, lines in code.items() if lines > TOO_LONG} == {}


def test_locks_carry_digests_and_no_address_of_an_index(texts: dict[str, str]) -> None:
    locks = {name: text for name, text in texts.items() if re.fullmatch(r"requirements/.*\.txt", name) and "==" in text}
    assert locks
    for name, text in locks.items():
        pins = re.findall(r"^[A-Za-z0-9_.\[\]-]+==\S+", text, re.MULTILINE)
        assert text.count("--hash=sha256:") >= len(pins), name
        assert "://" not in text, name


def test_nothing_is_trusted_without_a_signature(texts: dict[str, str]) -> None:
    setting = "trusted=" + "yes"
    assert [name for name, text in texts.items() if setting in text and not name.startswith("docs/")] == []


def test_no_test_is_switched_off_in_silence(texts: dict[str, str]) -> None:
    marks = re.compile(r"pytest\.mark\.(skip|xfail)\b|ignore_errors:")
    tests = {name: text for name, text in texts.items() if name.startswith(("tests/", "roles/", "playbooks/"))}
    here = str(Path(__file__).relative_to(PROJECT))
    assert [name for name, text in tests.items() if marks.search(text) and name != here] == []


def test_no_placeholder_is_left_in_a_document(texts: dict[str, str]) -> None:
    pages = {name: text for name, text in texts.items() if name.endswith(".md")}
    assert [name for name, text in pages.items() if re.search(r"@@|TODO|FIXME|XXX", text)] == []
