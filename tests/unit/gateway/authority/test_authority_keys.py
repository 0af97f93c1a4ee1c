"""Keys of the authority open and close every gateway, within seconds; a partition opens nothing new."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import AUTHORITY, KEYS, MADE, Federation, asked, command, digest
from tests.unit.gateway.harness import CLIENT_KEY, OTHER_KEY, eventually

from freehold.gateway import books
from freehold.gateway.config import Key
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.node import answer
from freehold.ledger.replication import apply, changes_since
from freehold.ledger.store import Store

SOON = 2.0
"""Within which a revocation closes every gateway, and a little for this machine."""


def test_a_command_at_the_authority_counts_everywhere_within_two_seconds(site: Federation, stack: ExitStack) -> None:
    authority = stack.enter_context(site.authority())
    others = [stack.enter_context(site.follower(node, authority)) for node in ("gpu2", "gpu3")]
    assert [asked(one, MADE) for one in others] == [401, 401]
    with command(site.ledger(AUTHORITY)) as keys:
        keys.create("made", digest(MADE), KeyLimits())
        for one in others:
            eventually(lambda one=one: asked(one, MADE) == 200)  # type: ignore[misc]
        keys.set_limits("made", KeyLimits(requests_per_minute=0))
        for one in others:
            eventually(lambda one=one: asked(one, MADE) == 429)  # type: ignore[misc]
        for name, key in (("made", MADE), ("operator", CLIENT_KEY)):  # of a command, and of the stack
            began = time.monotonic()
            keys.revoke(name, "stolen")
            for one in (authority, *others):
                eventually(lambda one=one, key=key: asked(one, key) == 401)  # type: ignore[misc]
            assert time.monotonic() - began < SOON + 1
    assert [asked(one, OTHER_KEY) for one in others] == [200, 200]


def test_the_command_hears_which_gateways_are_closed(site: Federation) -> None:
    """The question goes to the ledger, so it is answered whether the authority's gateway runs or not."""
    nodes = [AUTHORITY, "gpu2", "gpu3"]

    def revoked(name: str, wait: float) -> dict[str, Any]:
        question = {"ledger": str(site.ledger(AUTHORITY)), "node": AUTHORITY}
        gone = answer({**question, "do": "key revoke", "name": name})
        told = answer({**question, "do": "key reached", "version": gone["version"], "nodes": nodes, "seconds": wait})
        return {node: one["knows"] for node, one in told.items()}

    with site.authority() as authority, site.follower("gpu2", authority) as other:
        eventually(lambda: authority.count("freehold_gateway_follower_seconds", node="gpu2") < 1)
        eventually(lambda: other.count("freehold_gateway_keys_version") > 0)
        assert revoked("other", 5) == {AUTHORITY: True, "gpu2": True, "gpu3": False}
        assert asked(other, OTHER_KEY) == 401
    assert revoked("operator", 0.2) == dict.fromkeys(nodes, False), "nobody runs"


def test_without_the_authority_known_keys_go_on_and_a_restart_forgets_none(site: Federation, stack: ExitStack) -> None:
    with site.authority() as authority:
        with command(site.ledger(AUTHORITY)) as keys:
            keys.create("made", digest(MADE), KeyLimits())
            keys.revoke("other", "stolen")
        with site.follower("gpu2", authority) as follower:
            eventually(lambda: asked(follower, MADE) == 200)
    # The authority is gone, for good; the follower starts again: what it knew holds.
    again = stack.enter_context(site.follower("gpu2", authority))
    assert (asked(again, MADE), asked(again, CLIENT_KEY), asked(again, OTHER_KEY)) == (200, 200, 401)
    assert again.count("freehold_gateway_authority_silent_seconds") > 0


def test_a_follower_that_never_heard_the_authority_has_the_keys_of_its_settings(
    site: Federation, stack: ExitStack
) -> None:
    follower = stack.enter_context(site.follower("gpu2", None))
    assert (asked(follower, CLIENT_KEY), asked(follower, MADE)) == (200, 401)


def test_an_authority_that_comes_back_is_followed_again(
    site: Federation, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="freehold.gateway")
    with site.authority() as authority:
        follower = stack.enter_context(site.follower("gpu2", authority))
        eventually(lambda: follower.count("freehold_gateway_keys_version") > 0)
        assert authority.addresses.mesh is not None
        port = authority.addresses.mesh[1]
    eventually(lambda: "is not followed" in caplog.text)
    with command(site.ledger(AUTHORITY)) as keys:
        keys.create("made", digest(MADE), KeyLimits())
    assert asked(follower, MADE) == 401
    stack.enter_context(site.authority(mesh_port=port))
    eventually(lambda: asked(follower, MADE) == 200)
    lines = [record.message for record in caplog.records if "followed" in record.message]
    assert len(lines) == 3, "one on the first answer, one on the loss, one on the return"
    assert "after" in lines[-1]


def test_an_authority_from_an_older_copy_is_followed_and_opens_nothing_that_was_revoked(
    site: Federation, stack: ExitStack
) -> None:
    """The restored ledger has gone on to a number that the follower knows for another change."""
    path, copy = site.ledger(AUTHORITY), site.folder / "copy"
    with site.authority() as authority:
        assert authority.addresses.mesh is not None
        port = authority.addresses.mesh[1]
        with command(path) as keys:
            keys.store.copy_to(copy)
            keys.revoke("other", "stolen")
            keys.create("lost", digest("fh-lost"), KeyLimits())
        follower = stack.enter_context(site.follower("gpu2", authority))
        eventually(lambda: asked(follower, "fh-lost") == 200)
    for side in ("-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    copy.replace(path)
    with command(path) as keys:
        for number in range(4):
            keys.create(f"new-{number}", digest(f"fh-new-{number}"), KeyLimits())
    stack.enter_context(site.authority(mesh_port=port))
    eventually(lambda: asked(follower, "fh-new-0") == 200)
    assert (asked(follower, "fh-lost"), asked(follower, OTHER_KEY)) == (401, 401)


def test_another_gateway_can_become_the_authority_and_has_the_whole_table(site: Federation, stack: ExitStack) -> None:
    with site.authority() as old:
        with command(site.ledger(AUTHORITY)) as keys:
            keys.create("made", digest(MADE), KeyLimits())
            keys.revoke("other", "stolen")
        with site.follower("gpu2", old) as follower:
            eventually(lambda: asked(follower, MADE) == 200)
    new = stack.enter_context(site.gateway("gpu2", authority="gpu2"))
    site.introduce(AUTHORITY, gpu2=new)
    other = stack.enter_context(site.gateway(AUTHORITY, authority="gpu2"))
    eventually(lambda: other.count("freehold_gateway_keys_version") > 0)
    for one in (new, other):
        assert (asked(one, MADE), asked(one, OTHER_KEY)) == (200, 401)
    with command(site.ledger("gpu2")) as keys:
        keys.revoke("made", "")
    for one in (new, other):
        eventually(lambda one=one: asked(one, MADE) == 401)  # type: ignore[misc]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "ledger.sqlite3"


OLD, NEW = (Key(name, digest(name)) for name in ("old", "new"))


def opens(path: Path, settings: list[Key], table: list[Key] | None) -> set[str]:
    """Names that open a follower with these settings, whose authority has the keys of the stack in ``table``."""
    if table is not None:
        authority = path.parent.parent / "authority" / "ledger.sqlite3"
        books.opened(authority, table).close()
        with Store.open(authority) as source, command(path) as keys:
            apply(keys, changes_since(type(keys)(source, keys.clock), "", 0))
    made = books.opened(path, settings, follows=True)
    found = {key.name for key in made.keys.values()}
    made.close()
    return found


def test_a_roll_of_the_settings_opens_a_key_when_both_have_it_and_closes_it_with_the_first(path: Path) -> None:
    assert opens(path, [OLD], None) == {"old"}, "never heard: its own"
    assert opens(path, [OLD, NEW], [OLD]) == {"old"}, "newer settings than the authority's open nothing"
    assert opens(path, [OLD, NEW], [OLD, NEW]) == {"old", "new"}
    assert opens(path, [OLD], [OLD, NEW]) == {"old"}, "older settings than the authority's open nothing"
    assert opens(path, [NEW], [OLD, NEW]) == {"new"}, "out of the settings is out of this gateway, before the authority"
    assert opens(path, [OLD, NEW], [NEW]) == {"new"}, "out of the authority's is out of every gateway"
    assert opens(path, [OLD, NEW], None) == {"new"}, "also after a restart without hearing it"


def test_a_revoked_key_stays_out_where_the_ledger_cannot_be_told(path: Path) -> None:
    made = books.opened(path, KEYS, follows=True)
    assert made.key_of(digest(CLIENT_KEY)) is not None
    made.bar(frozenset({digest(CLIENT_KEY)}))
    assert made.key_of(digest(CLIENT_KEY)) is None
    made.look()
    assert made.key_of(digest(CLIENT_KEY)) is None
    assert made.key_of(digest(OTHER_KEY)) is not None
    made.close()
