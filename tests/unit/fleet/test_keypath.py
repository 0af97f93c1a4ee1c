"""Key paths are written as Pulumi's CLI takes them, and found in the file."""

from __future__ import annotations

import pytest

from freehold.fleet import keypath

TEXT = """\
config:
  fleet:site: lab
  fleet:hosts:
    - name: gpu1
      address: 192.0.2.11
    - name: gpu2
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("site",), "fleet:site"),
        (("hosts", 0, "port"), "fleet:hosts[0].port"),
        (("api_keys", "app.one"), 'fleet:api_keys["app.one"]'),
    ],
)
def test_paths_are_written_as_pulumi_takes_them(path: keypath.KeyPath, text: str) -> None:
    assert keypath.written(path) == text


def test_commands_are_quoted_for_the_shell_and_carry_no_secret() -> None:
    assert keypath.set_command(("hosts", 0, "name"), "a b") == "pulumi config set --path 'fleet:hosts[0].name' 'a b'"
    assert keypath.set_command(("digest_key",), "x", secret=True).endswith(
        "config set --secret --path fleet:digest_key"
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("site",), 2),
        (("hosts", 0, "address"), 5),
        (("hosts", 1, "name"), 6),
        (("hosts", 1, "address"), 6),
        (("hosts", 7), 3),
        (("prices", "pue"), None),
        ((), None),
    ],
)
def test_the_line_of_the_deepest_part_that_is_there(path: keypath.KeyPath, line: int | None) -> None:
    assert keypath.line_of(TEXT, path) == line


@pytest.mark.parametrize("text", ["", "config: [", "- 1", "\t"])
def test_a_file_that_is_no_stack_file_has_no_lines(text: str) -> None:
    assert keypath.line_of(text, ("site",)) is None
