"""A provider that does not answer is left alone for longer and longer, and tried by one request at a time."""

from dataclasses import dataclass

import pytest

from freehold.gateway.policy.breaker import Breaker, Patience, Permit, State

PATIENCE = Patience(failures=3, first=10, longest=60, trial=30)


@dataclass
class World:
    now: float = 1_000.0
    chance: float = 0.0

    def breaker(self) -> Breaker:
        return Breaker(lambda: self.now, lambda: self.chance, PATIENCE)


@pytest.fixture
def world() -> World:
    return World()


def taken(breaker: Breaker) -> Permit:
    permit = breaker.take()
    assert permit is not None
    return permit


def opened(breaker: Breaker) -> None:
    for _ in range(PATIENCE.failures):
        breaker.failed(taken(breaker))
    assert not breaker.up


def test_it_opens_after_failures_in_a_row_only(world: World) -> None:
    breaker = world.breaker()
    for _ in range(10):
        breaker.failed(taken(breaker))
        breaker.failed(taken(breaker))
        breaker.succeeded(taken(breaker))
    assert breaker.state is State.CLOSED
    opened(breaker)
    assert (breaker.state, breaker.take()) == (State.OPEN, None)


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 5.0), (0.5, 7.5), (0.999_999, 10.0)])
def test_chance_spreads_the_wait_over_its_second_half(world: World, chance: float, wait: float) -> None:
    world.chance = chance
    breaker = world.breaker()
    opened(breaker)
    assert breaker.wait == pytest.approx(wait, abs=0.001)


def test_one_request_tries_and_the_others_wait(world: World) -> None:
    breaker = world.breaker()
    opened(breaker)
    world.now += 5
    assert (breaker.up, breaker.state) == (True, State.HALF_OPEN)
    trial = taken(breaker)
    assert trial.trial
    assert [breaker.take() for _ in range(100)] == [None] * 100
    breaker.succeeded(trial)
    assert breaker.state is State.CLOSED
    assert not taken(breaker).trial


def test_each_failed_trial_doubles_the_wait_to_a_limit_and_success_forgets_it(world: World) -> None:
    breaker = world.breaker()
    opened(breaker)
    waits = []
    for _ in range(6):
        waits.append(breaker.wait)
        world.now += breaker.wait
        breaker.failed(taken(breaker))
    assert waits == [5, 10, 20, 30, 30, 30]
    world.now += breaker.wait
    breaker.succeeded(taken(breaker))
    opened(breaker)
    assert breaker.wait == 5


def test_requests_of_before_the_opening_change_nothing(world: World) -> None:
    breaker = world.breaker()
    old = [taken(breaker) for _ in range(50)]
    opened(breaker)
    for permit in old[:25]:
        breaker.failed(permit)
    assert breaker.wait == 5
    breaker.succeeded(old[25])
    assert breaker.state is State.OPEN
    world.now += 5
    trial = taken(breaker)
    for permit in old[26:]:
        breaker.failed(permit)
        breaker.succeeded(permit)
    assert breaker.take() is None
    breaker.failed(trial)
    assert breaker.wait == 10


def test_a_trial_given_back_is_free_for_another(world: World) -> None:
    breaker = world.breaker()
    opened(breaker)
    world.now += 5
    breaker.dropped(taken(breaker))
    assert taken(breaker).trial


def test_a_trial_that_is_never_heard_of_counts_as_failed(world: World) -> None:
    breaker = world.breaker()
    opened(breaker)
    world.now += 5
    lost = taken(breaker)
    world.now += PATIENCE.trial
    assert breaker.take() is None
    assert breaker.wait == 10
    world.now += 10
    trial = taken(breaker)
    breaker.succeeded(lost)
    assert breaker.take() is None
    breaker.succeeded(trial)
    assert breaker.state is State.CLOSED


def test_asking_changes_nothing(world: World) -> None:
    breaker = world.breaker()
    opened(breaker)
    world.now += 5
    assert [(breaker.up, breaker.state, breaker.wait) for _ in range(5)] == [(True, State.HALF_OPEN, 0.0)] * 5
    assert taken(breaker).trial


def test_of_a_storm_of_requests_only_trials_reach_a_dark_provider(world: World) -> None:
    breaker = world.breaker()
    sent = 0
    for _ in range(36_000):
        permit = breaker.take()
        if permit:
            sent += 1
            breaker.failed(permit)
        world.now += 0.1
    # An hour: three to open, three to reach the longest wait of 30 to 60 s, then one each.
    assert sent <= 3 + 3 + 3_600 / 30
