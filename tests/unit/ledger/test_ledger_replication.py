"""Keys on the other nodes: what the authority says, in order, and never a revoked key alive again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.ledger.world import Time, World, sha

from freehold.errors import FreeholdError
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.replication import Changes, apply, changes_since, position
from freehold.ledger.store import Store


@pytest.fixture
def replica(tmp_path: Path, time: Time) -> Iterator[World]:
    with Store.open(tmp_path / "replica" / "ledger.sqlite3") as store:
        yield World(store, time)


def follow(authority: World, replica: World) -> bool:
    said = changes_since(authority.keys, *position(replica.keys))
    return apply(replica.keys, Changes.from_json(json.loads(json.dumps(said.as_json()))))


def same(authority: World, replica: World) -> bool:
    return authority.keys.listed(revoked=True) == replica.keys.listed(revoked=True)


def test_changes_reach_the_replica(world: World, replica: World) -> None:
    world.key("a", KeyLimits(("tiny",), 1, 2, 3, frontier=True))
    world.key("b")
    follow(world, replica)
    assert same(world, replica)
    world.keys.revoke("a", "lost")
    world.keys.rotate("b", sha("b2"), grace_ms=5)
    world.key("a2")
    said = changes_since(world.keys, *position(replica.keys))
    assert (said.since, len(said.keys)) == (2, 3)
    assert follow(world, replica)
    assert same(world, replica)


def test_who_may_see_the_status_page_travels_and_an_older_authority_does_not_tell_of_it(
    world: World, replica: World
) -> None:
    world.key("a", KeyLimits(status=True))
    follow(world, replica)
    assert replica.keys.get("a").limits.status
    world.keys.set_limits("a", KeyLimits())
    follow(world, replica)
    assert not replica.keys.get("a").limits.status
    world.keys.set_limits("a", KeyLimits(status=True))
    told = changes_since(world.keys, *position(replica.keys)).as_json()
    for key in told["keys"]:
        del key["status"]
    apply(replica.keys, Changes.from_json(told))
    assert not replica.keys.get("a").limits.status


def test_a_name_may_change_hands(world: World, replica: World) -> None:
    world.key("a")
    follow(world, replica)
    world.keys.revoke("a", "")
    world.keys.create("a", sha("new"), KeyLimits())
    follow(world, replica)
    assert same(world, replica)


def test_the_same_changes_twice_do_nothing(world: World, replica: World) -> None:
    world.key("a")
    follow(world, replica)
    world.key("b")
    said = changes_since(world.keys, *position(replica.keys))
    assert apply(replica.keys, said)
    assert not apply(replica.keys, said)
    assert not follow(world, replica)
    assert same(world, replica)


def test_a_gap_is_refused(world: World, replica: World) -> None:
    for name in "abc":
        world.key(name)
    said = changes_since(world.keys, world.store.id, 2)
    with pytest.raises(FreeholdError, match="KEYS_GAP"):
        apply(replica.keys, said)
    assert replica.keys.listed() == []


def test_a_replica_that_missed_changes_hears_so(world: World, replica: World) -> None:
    world.key("a")
    follow(world, replica)
    for name in "bc":
        world.key(name)
    with pytest.raises(FreeholdError, match="KEYS_GAP"):
        apply(replica.keys, changes_since(world.keys, world.store.id, 2))
    assert [key.name for key in replica.keys.listed()] == ["a"]
    follow(world, replica)
    assert same(world, replica)


def test_an_authority_from_an_older_copy_is_followed_but_revives_nothing(
    world: World, replica: World, tmp_path: Path, time: Time
) -> None:
    world.key("stays")
    world.key("stolen")
    copy = tmp_path / "old" / "ledger.sqlite3"
    copy.parent.mkdir(mode=0o700)
    world.store.copy_to(copy)
    world.keys.revoke("stolen", "stolen")
    world.key("later")
    follow(world, replica)
    with Store.open(copy) as store:
        restored = World(store, time)
        assert changes_since(restored.keys, *position(replica.keys)).since == 0
        follow(restored, replica)
    assert [key.name for key in replica.keys.listed()] == ["stays"]
    assert set(replica.keys.by_digest()) == {sha("stays")}


def test_a_new_authority_replaces_the_table_but_revives_nothing(world: World, replica: World, tmp_path: Path) -> None:
    world.key("a")
    world.key("gone")
    world.key("stolen")
    world.keys.revoke("stolen", "stolen")
    follow(world, replica)
    with Store.open(tmp_path / "new" / "ledger.sqlite3") as store:
        other = World(store, world.time)
        other.keys.create("a", sha("a"), KeyLimits())
        other.keys.create("stolen", sha("stolen"), KeyLimits())
        follow(other, replica)
        assert position(replica.keys) == (other.store.id, 2)
    assert set(replica.keys.by_digest()) == {sha("a")}


def test_a_replica_that_becomes_the_authority_counts_on(world: World, replica: World, tmp_path: Path) -> None:
    for name in "abcd":
        world.key(name)
    follow(world, replica)
    assert replica.keys.create("e", sha("e"), KeyLimits()).version > world.keys.version()
    with Store.open(tmp_path / "third" / "ledger.sqlite3") as store:
        third = World(store, world.time)
        follow(replica, third)
        assert same(replica, third)


@pytest.mark.parametrize("told", [{}, {"source": "x", "since": 0, "version": 1, "keys": [{"id": "k"}]}])
def test_nonsense_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(FreeholdError, match="KEYS_BAD_CHANGES"):
        Changes.from_json(told)


def test_a_bad_key_in_the_changes_is_refused(world: World) -> None:
    world.key("a")
    told = changes_since(world.keys, "", 0).as_json()
    told["keys"][0]["sha256"] = "short"
    with pytest.raises(FreeholdError, match="KEYS_BAD_CHANGES"):
        Changes.from_json(told)
