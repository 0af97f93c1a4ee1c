from __future__ import annotations

import pytest

from freehold.pulumi_command import diff, schema, wire


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
    assert diff.changes(schema.LOCAL, old, new) == expected


def test_an_input_that_becomes_secret_has_changed() -> None:
    changed = diff.changes(schema.LOCAL, {"stdin": "a"}, {"stdin": wire.as_secret("a")})
    assert changed == {"stdin": "UPDATE"}


def asset(digest: str, path: str) -> dict[str, wire.Tree]:
    return {"source": {wire.SIGNATURE: wire.ASSET, "hash": digest, "path": path}}


def test_an_asset_is_its_digest_wherever_it_lies() -> None:
    assert diff.changes(schema.COPY, asset("1", "x"), asset("2", "x")) == {"source": "UPDATE"}
    assert diff.changes(schema.COPY, asset("1", "x"), asset("1", "moved/x")) == {}


def test_marks_within_a_secret_say_nothing_new() -> None:
    """States of the official plugin, and of this one since it knows proxies, have them; older ones do not."""
    older = {"connection": wire.as_secret({"host": "h", "privateKey": "k"})}
    newer = {"connection": wire.as_secret({"host": "h", "privateKey": wire.as_secret("k")})}
    other = {"connection": wire.as_secret({"host": "h", "privateKey": wire.as_secret("l")})}
    assert diff.changes(schema.REMOTE, older, newer) == {}
    assert diff.changes(schema.REMOTE, newer, older) == {}
    assert diff.changes(schema.REMOTE, older, other) == {"connection": "UPDATE"}


def test_every_change_of_a_resource_without_an_update_replaces_it() -> None:
    changed = diff.changes(schema.COPY_FILE, {"localPath": "a", "triggers": [1]}, {"localPath": "b", "triggers": [2]})
    assert changed == {"localPath": "UPDATE_REPLACE", "triggers[0]": "UPDATE_REPLACE"}


def test_names_are_those_of_the_inputs() -> None:
    assert diff.names(["triggers[0]", "environment.A", 'environment["b c"]', "create"]) == [
        "create",
        "environment",
        "triggers",
    ]
