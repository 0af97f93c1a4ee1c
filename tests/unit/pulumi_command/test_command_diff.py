from __future__ import annotations

import pytest

from freehold.pulumi_command import diff, wire


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"create": "a"}, {"create": "a"}, {}),
        ({"create": "a"}, {"create": "b"}, {"create": "UPDATE"}),
        ({}, {"update": "a"}, {"update": "ADD"}),
        ({"delete": "a"}, {}, {"delete": "DELETE"}),
        ({"environment": {"A": "1"}}, {"environment": {"A": "2"}}, {"environment.A": "UPDATE"}),
        ({"environment": {"a.b": "1"}}, {"environment": {}}, {'environment["a.b"]': "DELETE"}),
        ({"interpreter": ["a"]}, {"interpreter": ["a", "b"]}, {"interpreter[1]": "ADD"}),
        ({"triggers": ["1"]}, {"triggers": ["2"]}, {"triggers[0]": "UPDATE_REPLACE"}),
        ({"triggers": ["1"]}, {"triggers": []}, {"triggers[0]": "DELETE_REPLACE"}),
        ({}, {"triggers": ["1"]}, {"triggers": "ADD_REPLACE"}),
        ({"version": "1", "__internal": 1.0}, {}, {}),
    ],
)
def test_changes(old: dict[str, wire.Tree], new: dict[str, wire.Tree], expected: dict[str, str]) -> None:
    assert diff.changes(old, new) == expected


def test_an_input_that_becomes_secret_has_changed() -> None:
    changed = diff.changes({"stdin": "a"}, {"stdin": wire.as_secret("a")})
    assert changed == {"stdin": "UPDATE"}


def test_an_asset_is_compared_as_a_whole() -> None:
    old, new = ({"source": {wire.SIGNATURE: wire.ASSET, "hash": digest, "path": "x"}} for digest in "12")
    assert diff.changes(old, new) == {"source": "UPDATE"}


def test_names_are_those_of_the_inputs() -> None:
    assert diff.names(["triggers[0]", "environment.A", 'environment["b c"]', "create"]) == [
        "create",
        "environment",
        "triggers",
    ]
