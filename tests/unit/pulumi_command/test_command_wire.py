from __future__ import annotations

import pytest

from freehold.pulumi_command import wire

SECRET = {wire.SIGNATURE: wire.SECRET, "value": "s3cret"}


def test_values_survive_the_way_to_the_message_and_back() -> None:
    tree = {"a": "text", "b": [1.0, True, None], "c": {"d": SECRET}, "e": {wire.SIGNATURE: wire.ASSET, "hash": "1"}}
    assert wire.decode(wire.encode(tree)) == tree


def test_plain_takes_the_marks_off_at_every_depth() -> None:
    assert wire.plain({"a": SECRET, "b": [SECRET], "c": 1.0}) == {"a": "s3cret", "b": ["s3cret"], "c": 1.0}


def test_a_mark_is_set_once() -> None:
    assert wire.as_secret("s3cret") == SECRET
    assert wire.as_secret(SECRET) == SECRET


@pytest.mark.parametrize(
    ("tree", "unknown"), [("known", False), (wire.UNKNOWN, True), ({"a": [wire.UNKNOWN]}, True), ({"a": ["b"]}, False)]
)
def test_an_unknown_part_is_found(tree: wire.Tree, *, unknown: bool) -> None:
    assert wire.has_unknown(tree) is unknown


def test_secret_texts_are_those_below_a_mark_only() -> None:
    tree = {"open": "seen", "map": wire.as_secret({"a": "one", "b": ["two", 3.0]}), "leaf": SECRET}
    assert sorted(wire.secret_texts(tree)) == ["one", "s3cret", "two"]
