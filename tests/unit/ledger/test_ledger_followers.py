"""What the authority knows of the other gateways: who has taken a change over, who is silent, who was never there."""

from __future__ import annotations

import json

from tests.unit.ledger.world import World

from freehold.ledger import followers
from freehold.ledger.followers import Heard
from freehold.ledger.node import answer
from freehold.ledger.store import Store

NODES = ("gpu1", "gpu2", "gpu3")


def heard(world: World, node: str, version: int, source: str = "") -> None:
    with world.store.transaction() as connection:
        followers.put(connection, Heard(node, world.clock.now_ms(), source or world.store.id, version))


def test_who_knows_a_change_and_who_was_heard_when(world: World) -> None:
    heard(world, "gpu1", 7)
    world.time.run(40_000)
    heard(world, "gpu2", 6)
    told = followers.reached(world.store, world.clock, 7, NODES)
    assert told == {
        "gpu1": {"knows": True, "heard_seconds": 40.0},
        "gpu2": {"knows": False, "heard_seconds": 0.0},
        "gpu3": {"knows": False, "heard_seconds": None},
    }
    heard(world, "gpu2", 9, source="another ledger")
    assert not followers.reached(world.store, world.clock, 7, NODES)["gpu2"]["knows"]


def test_the_wait_ends_when_those_that_are_heard_know_it(world: World) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            heard(world, "gpu2", 7)

    heard(world, "gpu1", 7)
    heard(world, "gpu2", 6)
    told = followers.wait_until_reached(world.store, world.clock, 7, NODES, seconds=4, rest=rest)
    assert told["gpu2"]["knows"]
    assert len(rests) == 3, "gpu3 was never heard of, and is not waited for"


def test_the_wait_is_bounded(world: World) -> None:
    rests: list[float] = []
    heard(world, "gpu1", 6)
    told = followers.wait_until_reached(world.store, world.clock, 7, NODES, seconds=4, rest=rests.append)
    assert not told["gpu1"]["knows"]
    assert sum(rests) <= 4.1


def test_the_question_over_ssh(store: Store) -> None:
    question = {"ledger": str(store.path), "node": "gpu1", "do": "key reached", "version": 1, "nodes": ["gpu1"]}
    assert json.loads(json.dumps(answer(question))) == {"gpu1": {"knows": False, "heard_seconds": None}}
