"""Which node answers: the one with the beginning in its cache, unless it is busy; never one that just failed."""

import random
from dataclasses import dataclass

import pytest

from freehold.gateway.routing.replicas import LONGEST_REST, SLACK, NoReplicaError, Replicas

PEERS = [("gpu2", "https://10.85.0.12:8443"), ("gpu3", "https://10.85.0.13:8443")]


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replicas(clock: Clock) -> Replicas:
    made = Replicas("gpu1", clock, random.Random(7))  # noqa: S311  no secret
    made.replace(PEERS)
    return made


def prefixes(count: int) -> list[bytes]:
    return [f"conversation {n}".encode() for n in range(count)]


def test_alone_a_node_asks_itself(clock: Clock) -> None:
    alone = Replicas("gpu1", clock)
    assert alone.best(b"x").local
    alone.failed(alone.best(b"x"))
    assert alone.best(b"x").local, "nobody else could answer better"
    with pytest.raises(NoReplicaError):
        alone.best(b"x", without=["gpu1"])


def test_a_conversation_stays_and_all_nodes_get_their_part(replicas: Replicas) -> None:
    homes = [replicas.best(prefix).node for prefix in prefixes(600)]
    assert homes == [replicas.best(prefix).node for prefix in prefixes(600)]
    assert all(150 < homes.count(node) < 250 for node in ("gpu1", "gpu2", "gpu3"))


def test_when_a_node_goes_only_its_conversations_move(replicas: Replicas) -> None:
    before = [replicas.best(prefix).node for prefix in prefixes(300)]
    replicas.replace(PEERS[:1])
    after = [replicas.best(prefix).node for prefix in prefixes(300)]
    assert [one for one, other in zip(before, after, strict=True) if one != other] == ["gpu3"] * before.count("gpu3")


def test_a_busy_home_is_left_for_the_least_busy(replicas: Replicas) -> None:
    home = replicas.best(b"a")
    home.open = SLACK
    assert replicas.best(b"a") is home
    home.open = SLACK + 1
    assert replicas.best(b"a") is not home
    assert replicas.best(b"a").open == 0


def test_without_a_beginning_the_least_busy_answers_and_this_node_first(replicas: Replicas) -> None:
    assert replicas.best(b"").node == "gpu1"
    with replicas.taken(b"") as first, replicas.taken(b"") as second, replicas.taken(b"") as third:
        assert {first.node, second.node, third.node} == {"gpu1", "gpu2", "gpu3"}
        assert first.open == second.open == third.open == 1
    assert first.open == second.open == third.open == 0


def test_one_that_failed_rests_and_one_request_finds_out_whether_it_is_back(replicas: Replicas, clock: Clock) -> None:
    home = next(replicas.best(prefix) for prefix in prefixes(50) if not replicas.best(prefix).local)
    prefix = next(prefix for prefix in prefixes(50) if replicas.best(prefix) is home)
    replicas.failed(home)
    assert replicas.best(prefix) is not home
    clock.now += 1.0
    with replicas.taken(prefix) as probe:
        assert probe is home
        assert replicas.best(prefix) is not home, "the others do not wait for the probe"
        replicas.answered(probe)
    assert replicas.best(prefix) is home


def test_rests_grow_to_a_limit_and_differ(replicas: Replicas, clock: Clock) -> None:
    one, rests = replicas.known["gpu2"], []
    for _ in range(12):
        replicas.failed(one)
        rests.append(one.rests_until - clock.now)
    assert rests[0] <= 1.0
    assert max(rests) <= LONGEST_REST
    assert min(rests[6:]) >= LONGEST_REST / 2
    assert len(set(rests[6:])) > 1


def test_a_retry_goes_to_somebody_else(replicas: Replicas) -> None:
    first = replicas.best(b"a")
    second = replicas.best(b"a", without=[first.node])
    assert second is not first
    with pytest.raises(NoReplicaError):
        replicas.best(b"a", without=list(replicas.known))


def test_what_is_known_of_those_that_stay_is_kept(replicas: Replicas) -> None:
    replicas.known["gpu2"].open = 3
    replicas.failed(replicas.known["gpu3"])
    replicas.replace([PEERS[0], ("gpu3", "https://10.85.0.99:8443"), ("gpu1", "https://10.85.0.11:8443")])
    assert replicas.known["gpu2"].open == 3
    assert replicas.known["gpu3"].failures == 0, "another address is another server"
    assert replicas.known["gpu1"].local, "this node is never its own peer"
