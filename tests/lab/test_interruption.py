"""`kill -9` of pulumi and of ansible: the next `pulumi up` converges, nothing is doubled, nobody edits anything."""

import json
import random
import shlex
import subprocess

from tests.lab import interruption
from tests.lab.interrupting import Interrupting
from tests.lab.interruption import Point, of_pulumi, up_words

from freehold.errors import LockedError
from freehold.fleet import lock
from freehold.fleet.labconfig import STACK_FOLDER
from freehold.fleet.unlock import MARK
from freehold.paths import lab_paths


def test_a_node_that_another_control_host_marked_is_refused_until_it_is_let_go_of(interrupting: Interrupting) -> None:
    node, name = interrupting.node, interrupting.host["name"]
    holder = {**lock.holder(lab_paths().root, "ansible-playbook site.yml"), "where": "other-control", "domain": "f00"}
    try:
        node.run_expect([0], f"echo {shlex.quote(json.dumps(holder))} > {MARK}")
        visited = interrupting.freehold("preflight", "--host", name)
        assert visited.returncode == LockedError.exit_code
        by_hand = interrupting.by_hand()
        assert by_hand.returncode != 0
        for said in (visited.stderr, by_hand.stdout):
            assert f"HOST_LOCKED_ELSEWHERE {name}" in said
            assert "ansible-playbook site.yml by root on other-control" in said
        assert "changed=0" in by_hand.stdout
        cleared = interrupting.freehold("unlock", "--host", name)
        assert "on other-control" in cleared.stdout
        assert interrupting.freehold("preflight", "--host", name).returncode == 0
        assert node.file(MARK).content_string == ""  # the next run still learns that one was cut off
    finally:
        node.run_expect([0], f"rm -f {MARK}")


def test_three_kills_at_seeded_points(interrupting: Interrupting) -> None:
    """The first leaves a change half made; the second and third hit the way back from it; then one run converges."""
    seed = interruption.seed()
    print(f"{interruption.SEED}={seed}")
    rng = random.Random(seed)  # noqa: S311  points of a test, no secret
    count = interruption.tasks(interrupting.host["name"])
    # The last third of a run, and recovery after each kill, are the full lane's: this one must be quick.
    late, early = rng.choice((2, 3)), rng.sample((0, 1), 2)
    interrupting.interrupt(interruption.point(rng, "pulumi", late, 6, count), interrupting.changed)
    interrupting.interrupt(interruption.point(rng, "pulumi", early[0], 6, count), interrupting.original)
    interrupting.interrupt(interruption.point(rng, "by hand", early[1], 6, count), interrupting.original)
    interrupting.converges(interrupting.original)


def test_a_killed_pulumi_is_explained_to_the_next(interrupting: Interrupting) -> None:
    """Positive control of the harness: the lock that is cleared was there, and it stopped a plain `pulumi up`."""
    started = of_pulumi(
        interrupting.host["name"], Point("pulumi", "all", 0, 1.5), interrupting.changed, interrupting.pulumi
    )
    assert started.kill(interrupting.folder / "run.log")
    words = up_words(interrupting.host["name"], interrupting.original)
    stopped = subprocess.run(
        words, cwd=STACK_FOLDER, env={**interrupting.pulumi}, capture_output=True, text=True, check=False
    )
    assert stopped.returncode != 0
    assert "locked" in stopped.stdout + stopped.stderr
    (told,) = interrupting.unlock()
    assert told.startswith("cleared the lock of process ")
    assert "runs no more" in told
