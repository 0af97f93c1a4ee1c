"""Keys: kept by their hash, changed by command while a gateway runs, never alive again once revoked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.ledger.world import START_MS, Time, World, sha

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.ledger.declared import Declared, sync_declared
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.keys import KeyTable, KeyWatch
from freehold.ledger.store import Store

LIMITS = KeyLimits(
    ("tiny",), 60, 1000, 4, frontier=True, frontier_tokens_per_day=50, frontier_nano_usd_per_month=7, status=True
)


def test_a_key_comes_back_as_it_was_made(world: World) -> None:
    made = world.keys.create("agent", sha("a"), LIMITS, expires_ms=START_MS + 5)
    assert world.keys.get("agent") == world.keys.get(made.id) == made
    assert made.limits == LIMITS
    assert made.limits.allows("tiny")
    assert not made.limits.allows("large")
    assert KeyLimits().allows("large")


def test_a_key_sees_the_status_page_only_if_it_was_told_so(world: World) -> None:
    world.keys.create("agent", sha("a"), KeyLimits())
    assert not world.keys.get("agent").limits.status
    world.keys.set_limits("agent", KeyLimits(status=True))
    assert world.keys.get("agent").limits.status
    world.keys.set_limits("agent", KeyLimits())
    assert not world.keys.get("agent").limits.status


def test_names_are_unique_among_the_living(world: World) -> None:
    world.keys.create("agent", sha("a"), KeyLimits())
    with pytest.raises(FreeholdError, match="KEY_NAME_TAKEN"):
        world.keys.create("agent", sha("b"), KeyLimits())
    world.keys.revoke("agent", "lost")
    again = world.keys.create("agent", sha("b"), KeyLimits())
    assert [key.id for key in world.keys.listed()] == [again.id]
    assert [key.revoked_why for key in world.keys.listed(revoked=True)] == ["lost", ""]


def test_a_revoked_hash_is_never_new(world: World) -> None:
    world.keys.create("agent", sha("a"), KeyLimits())
    world.keys.revoke("agent", "lost")
    for name in ("agent", "other"):
        with pytest.raises(FreeholdError, match="KEY_HASH_USED"):
            world.keys.create(name, sha("a"), KeyLimits())


def test_rotation_keeps_the_id_and_the_old_hash_for_its_grace(world: World, time: Time) -> None:
    made = world.keys.create("agent", sha("a"), LIMITS)
    turned = world.keys.rotate("agent", sha("b"), grace_ms=1000)
    assert (turned.id, turned.limits, turned.rotated_from) == (made.id, LIMITS, sha("a"))
    assert [turned.opens(sha(one), START_MS + 999) for one in "ab"] == [True, True]
    assert [turned.opens(sha(one), START_MS + 1000) for one in "ab"] == [False, True], "to the millisecond"
    assert set(world.keys.by_digest()) == {sha("a"), sha("b")}
    time.run(1000)
    assert set(world.keys.by_digest()) == {sha("b")}
    with pytest.raises(FreeholdError, match="KEY_HASH_USED"):
        world.keys.rotate("agent", sha("a"))


def test_rotation_without_grace_closes_the_old_hash_at_once(world: World) -> None:
    world.keys.create("agent", sha("a"), LIMITS)
    world.keys.rotate("agent", sha("b"))
    assert set(world.keys.by_digest()) == {sha("b")}


def test_expiry_and_revocation_close_a_key(world: World, time: Time) -> None:
    world.keys.create("short", sha("a"), KeyLimits(), expires_ms=START_MS + 10)
    world.keys.create("gone", sha("b"), KeyLimits())
    assert len(world.keys.by_digest()) == 2
    world.keys.revoke("gone", "")
    time.run(10)
    assert world.keys.by_digest() == {}


def test_limits_are_replaced(world: World) -> None:
    world.keys.create("agent", sha("a"), KeyLimits())
    assert world.keys.set_limits("agent", LIMITS).limits == LIMITS
    assert world.keys.get("agent").limits == LIMITS


def test_all_that_is_wrong_is_said_at_once(world: World) -> None:
    with pytest.raises(FreeholdErrors) as caught:
        world.keys.create("-x", "zz", KeyLimits(tokens_per_day=-1, concurrent=True, models=("",)), expires_ms=-4)
    assert len(caught.value.errors) == 6
    assert world.keys.listed() == []
    with pytest.raises(FreeholdError, match="KEY_UNKNOWN"):
        world.keys.revoke("nobody", "")


def test_the_key_itself_is_nowhere_in_the_file(world: World) -> None:
    secret = "fh-very-secret-key"
    world.keys.create("agent", sha(secret), KeyLimits())
    files = [path.read_bytes() for path in world.store.path.parent.iterdir()]
    assert any(sha(secret).encode() in content for content in files)
    assert not any(secret.encode() in content for content in files)


def test_a_gateway_notices_a_command_in_another_process(world: World, path: Path, time: Time) -> None:
    watch = KeyWatch(world.keys)
    assert watch.changed()
    assert not watch.changed()
    with Store.open(path) as other:
        KeyTable(other, time.clock(other)).create("agent", sha("a"), KeyLimits())
    assert watch.changed()
    assert not watch.changed()
    world.local(5)  # another kind of change is no reason to read the keys
    assert not watch.changed()
    world.keys.revoke("agent", "")
    assert watch.changed()


def test_versions_only_grow_under_many_writers(path: Path, time: Time) -> None:
    Store.open(path).close()

    def make(number: int) -> int:
        with Store.open(path) as store:
            return KeyTable(store, time.clock(store)).create(f"k{number}", sha(str(number)), KeyLimits()).version

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, range(20))) == list(range(1, 21))


def test_declared_keys_are_replaced_as_a_set(world: World) -> None:
    world.keys.create("by-hand", sha("h"), KeyLimits())
    done = sync_declared(world.keys, [Declared("a", sha("a")), Declared("b", sha("b"))])
    assert done.added == ["a", "b"]
    first = world.keys.get("a").id
    version = world.keys.version()
    assert sync_declared(world.keys, [Declared("a", sha("a")), Declared("b", sha("b"))]).added == []
    assert world.keys.version() == version
    done = sync_declared(world.keys, [Declared("b", sha("b"), LIMITS)])
    assert (done.revoked, done.changed) == (["a"], ["b"])
    assert {key.name for key in world.keys.listed()} == {"b", "by-hand"}
    sync_declared(world.keys, [Declared("a", sha("a"))])
    assert world.keys.get("a").id == first


def test_the_document_does_not_bring_back_what_was_revoked_by_hand(world: World) -> None:
    sync_declared(world.keys, [Declared("a", sha("a"))])
    world.keys.revoke("a", "stolen")
    assert sync_declared(world.keys, [Declared("a", sha("a"))]).kept_revoked == ["a"]
    assert world.keys.by_digest() == {}
    with pytest.raises(FreeholdError, match="KEY_HASH_USED"):
        sync_declared(world.keys, [Declared("other", sha("a"))])
    sync_declared(world.keys, [Declared("a", sha("a2"))])
    assert set(world.keys.by_digest()) == {sha("a2")}


def test_a_document_that_takes_a_name_made_by_command_is_refused_whole(world: World) -> None:
    world.keys.create("agent", sha("a"), KeyLimits())
    with pytest.raises(FreeholdError, match="KEY_NAME_TAKEN"):
        sync_declared(world.keys, [Declared("fine", sha("f")), Declared("agent", sha("b"))])
    assert [key.name for key in world.keys.listed()] == ["agent"]
    with pytest.raises(FreeholdErrors):
        sync_declared(world.keys, [Declared("-", sha("f")), Declared("g", "no hash")])


def test_declared_keys_are_changed_in_the_document_only(world: World) -> None:
    sync_declared(world.keys, [Declared("a", sha("a"))])
    with pytest.raises(FreeholdError, match="KEY_DECLARED"):
        world.keys.rotate("a", sha("b"))
    with pytest.raises(FreeholdError, match="KEY_DECLARED"):
        world.keys.set_limits("a", LIMITS)
