"""Tokens of a day are the fleet's: what one node used the others count, through restarts; and how far that may err."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tests.unit.gateway.authority.federation import AUTHORITY, KEYS, Federation, asked
from tests.unit.gateway.harness import CLIENT_KEY, Harness, eventually

LIMIT = 600
LIMITED = (replace(KEYS[0], tokens_per_day=LIMIT), KEYS[1])
SMALL: dict[str, Any] = {"max_tokens": 3}


def refuses(gateway: Harness) -> bool:
    return asked(gateway, CLIENT_KEY, **SMALL) == 429


def used_up(gateway: Harness) -> int:
    """Ask until it is refused; returns how often it was not."""
    for number in range(200):
        if refuses(gateway):
            return number
    raise AssertionError("no limit")


def told(site: Federation, node: str) -> int:
    """What a follower was told of the others."""
    return _day_tokens(site, node, "node = ''")


def reported(site: Federation) -> int:
    """What the authority was told by its followers."""
    return _day_tokens(site, AUTHORITY, "node <> ''")


def _day_tokens(site: Federation, node: str, where: str) -> int:
    with sqlite3.connect(site.ledger(node)) as connection:
        statement = f"SELECT coalesce(sum(tokens), 0) FROM day_tokens WHERE {where}"  # noqa: S608  own words
        return int(connection.execute(statement).fetchone()[0])


def total(site: Federation, *nodes: str) -> int:
    return sum(row["prompt"] + row["completion"] for node in nodes for row in site.rows(node))


def test_what_one_gateway_used_the_other_one_counts_and_no_restart_forgets_it(
    site: Federation, stack: ExitStack
) -> None:
    with site.authority(keys=LIMITED) as authority:
        assert authority.addresses.mesh is not None
        port = authority.addresses.mesh[1]
        with site.follower("gpu2", authority, keys=LIMITED) as follower:
            eventually(lambda: follower.count("freehold_gateway_keys_version") > 0)
            assert used_up(follower) > 20
            eventually(lambda: reported(site) > LIMIT - 120)
            eventually(lambda: refuses(authority))
            eventually(lambda: len(site.rows("gpu2")) > 20)
            assert total(site, "gpu2") <= LIMIT
        # The follower has gone; the authority starts again and still knows what that one used.
    with site.authority(mesh_port=port, keys=LIMITED) as authority:
        assert refuses(authority)
        eventually(lambda: authority.count("freehold_gateway_keys_version") > 0)
    # And the follower starts while the authority is gone: it knows what it was told.
    again = stack.enter_context(site.follower("gpu2", authority, keys=LIMITED))
    assert refuses(again)


def test_what_the_authority_used_the_followers_count_and_through_a_restart_of_theirs(site: Federation) -> None:
    with site.authority(keys=LIMITED) as authority:
        with site.follower("gpu2", authority, keys=LIMITED) as follower:
            assert used_up(authority) > 20
            eventually(lambda: told(site, "gpu2") > LIMIT - 120)
            assert refuses(follower)
        authority.end()
        authority.thread.join(10)
        with site.follower("gpu2", authority, keys=LIMITED) as again:
            assert refuses(again)
            assert asked(again, "fh-" + "b" * 43) == 200, "the control: a key without a limit"
    assert total(site, AUTHORITY, "gpu2") <= LIMIT
