"""`kill -9` at a seeded point of a run, and what must hold after it. Only processes that it started are touched.

Every process of a run carries a mark in its environment, which children inherit: that is how a worker in a session of
its own is found, also after its parent is gone.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from freehold.fleet import lock
from freehold.paths import PROJECT, lab_paths

SEED = "FREEHOLD_SEED"
MARK = "FREEHOLD_INTERRUPTION"
EARLY_TASKS = 10
FEWEST_TASKS = 70  # where no log of a whole converge is at hand
EARLY_SECONDS = 4.0  # program, plugin, visits: before the first task
LIMIT_SECONDS = 300.0  # a busy machine of two cores
POLL_SECONDS = 0.01
PARTS = 10

Run = Literal["pulumi", "by hand"]
Victim = Literal["pulumi", "ansible", "all"]


@dataclass(frozen=True)
class Point:
    """Whom to kill in which run, and when: at a task's number, or so many seconds after the start where it is 0."""

    run: Run
    victim: Victim
    task: int
    seconds: float

    def __str__(self) -> str:
        when = f"task {self.task}" if self.task else f"{self.seconds:.1f} s"
        return f"kill -9 of {self.victim} in a run {'of pulumi' if self.run == 'pulumi' else self.run} at {when}"


def seed() -> int:
    """The seed that FREEHOLD_SEED sets, else a new one; a failure shows it."""
    return int(os.environ.get(SEED) or secrets.randbelow(10**6))


def tasks(host: str) -> int:
    """How many tasks of a converge may be waited for; included files are tasks too, and no recap counts them."""
    logs = [tail(path) for path in lab_paths().logs.glob(f"converge-{host}.log*")]
    wanted = re.compile(rf"^{host} .*\bok=(\d+).*\bskipped=(\d+)", re.MULTILINE)
    recaps = [found for text in logs if (found := wanted.search(text))]
    return max(FEWEST_TASKS, *(int(one[1]) + int(one[2]) for one in recaps), 0)


def earlier(late: Point) -> Point:
    """A point that a run reaches which ended before ``late``: a third earlier, and in the end soon after the start."""
    task = late.task * 2 // 3
    return replace(late, task=task) if task > EARLY_TASKS else replace(late, task=0, seconds=1.0, victim="all")


def point(rng: random.Random, run: Run, part: int, parts: int, count: int) -> Point:
    """A point in ``part`` of ``parts`` equal stretches of a run of ``count`` tasks: many points cover all of it."""
    victims: Sequence[Victim] = ("pulumi", "ansible", "all") if run == "pulumi" else ("ansible", "all")
    victim = rng.choice(victims)
    if part == 0 and victim != "ansible":
        return Point(run, victim, 0, rng.uniform(0.3, EARLY_SECONDS))
    first = 1 + count * part // parts
    return Point(run, victim, rng.randint(first, count * (part + 1) // parts), 0.0)


@dataclass
class Started:
    """A run at work."""

    point: Point
    words: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    task_file: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    def kill(self, log: Path) -> bool:
        """Start it, wait for the point, kill, and see that nothing of it is left; ``False`` if it ended before."""
        self.task_file.unlink(missing_ok=True)
        env = {**os.environ, **self.environment, MARK: self.mark}
        with log.open("w") as stream:
            run = subprocess.Popen(
                self.words,
                cwd=self.cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
            began = time.monotonic()
            try:
                wait_for(lambda: self._reached(run, began), lambda: f"{self.point}\n{tail(log)}")
                if run.poll() is not None:
                    assert run.returncode == 0, tail(log)
                    return False
                kill_all(self._victims(run))
                # Where only Ansible was killed, pulumi ends by itself, with an error.
                assert run.wait(LIMIT_SECONDS) != 0
                wait_for(lambda: not self.at_work(), lambda: f"left by {self.point}: {self.left()}")
                return True
            finally:
                kill_all(list(self.left()))
                run.wait()

    def _reached(self, run: subprocess.Popen[bytes], began: float) -> bool:
        if run.poll() is not None:
            return True
        if not self.point.task:
            return time.monotonic() - began >= self.point.seconds
        with contextlib.suppress(OSError, ValueError):
            return int(self.task_file.read_text(encoding="utf-8").split(maxsplit=1)[0]) >= self.point.task
        return False

    def _victims(self, run: subprocess.Popen[bytes]) -> list[int]:
        if self.point.victim == "all":
            return list(self.left())
        if self.point.run == "pulumi" and self.point.victim == "pulumi":
            return [run.pid]
        plays = {pid for pid, words in self.left().items() if "ansible-playbook" in words and "ssh" not in words}
        return [pid for pid in plays if parent(pid) not in plays]

    def left(self) -> dict[int, str]:
        """Processes of this run, by number, with their words."""
        wanted = f"{MARK}={self.mark}".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and wanted in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def at_work(self) -> dict[int, str]:
        """Those that could still do something. Two wait idly for their own end, which is not ours to hasten: the SSH
        connection that Ansible keeps for a minute for its next run, and Pulumi's language host, which looks every few
        minutes whether its engine is still there.
        """
        idle = ("[mux]", "/pulumi-language-python ")
        return {pid: words for pid, words in self.left().items() if not any(part in words for part in idle)}


def parent(process: int) -> int:
    """The parent's number; 0 where the process is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return 0


def kill_all(processes: Sequence[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def wait_for(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait until ``condition()`` is true, with a limit."""
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until, what()
        threading.Event().wait(POLL_SECONDS)


def by_hand(host: str, place: Point, folder: Path) -> Started:
    """`ansible-playbook` as a person runs it; the task file is the one thing more."""
    words = [str(PROJECT / ".venv/bin/ansible-playbook"), "-i", "inventory/lab", "--limit", host, "playbooks/site.yml"]
    task = folder / "by-hand.task"
    environment = {"ANSIBLE_CALLBACKS_ENABLED": "freehold_recap", "FREEHOLD_TASK_FILE": str(task)}
    return Started(place, words, PROJECT, environment, task)


def of_pulumi(host: str, place: Point, config: Path, environment: Mapping[str, str]) -> Started:
    """`pulumi up` of one host."""
    task = lab_paths().logs / f"converge-{host}.task"
    return Started(place, up_words(host, config), PROJECT / "stacks" / "fleet", environment, task)


def up_words(host: str, config: Path) -> list[str]:
    shown = ["--yes", "--skip-preview", "--non-interactive", "--color", "never"]
    return ["pulumi", "up", *shown, "--config-file", str(config), "--target", f"**{host}-converge"]


def free(host: str) -> bool:
    """Whether nobody holds the node's lock."""
    return not lock.look(lab_paths().root, [host])


def groups(rng: random.Random, count: int, tasks_of_a_run: int = FEWEST_TASKS) -> Iterator[list[Point]]:
    """``count`` points in groups of one to three; a group is interrupted run after run, and then converged.

    The points of all groups together are spread evenly over a run.
    """
    parts = [part % PARTS for part in range(count)]
    rng.shuffle(parts)
    while parts:
        chosen, parts = parts[: (size := rng.randint(1, 3))], parts[size:]
        yield [point(rng, rng.choice(("pulumi", "by hand")), part, PARTS, tasks_of_a_run) for part in chosen]
