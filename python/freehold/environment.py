"""What has to be on the control host before anything else can run: OS packages and the Python environment.

Run as ``PYTHONPATH=python python3 -m freehold.environment [control|dev]`` by the Makefile. Only the standard library:
nothing else is there yet. A second run costs a fraction of a second.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.paths import PROJECT, cache_folder
from freehold.unpacked import unpack

OS_PACKAGES = PROJECT / "requirements" / "os-packages.txt"
TEST_PACKAGES = PROJECT / "requirements" / "os-packages-dev.txt"
TEST_PROGRAMS = PROJECT / "requirements" / "os-programs-dev.txt"
VENV = PROJECT / ".venv"
POLICY = Path("/usr/sbin/policy-rc.d")
MINIMUM_PYTHON = (3, 11)
LOG = VENV.with_name(".venv.log")


class StepFailed(Exception):  # noqa: N818  says what happened, like the standard library's own
    """A program ended with an error; the text is for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the environment up to what ``requirements/`` says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="freehold.environment", description=__doc__.splitlines()[0])
    parser.add_argument("set", nargs="?", default="control", choices=("control", "dev"), help="which lock file")
    chosen = parser.parse_args(arguments).set
    try:
        _refuse_old_python()
        dev = chosen == "dev"
        _step("OS packages", lambda: install_os_packages((OS_PACKAGES, TEST_PACKAGES) if dev else (OS_PACKAGES,)))
        _step(f"Python environment ({chosen})", lambda: install_python_packages(chosen))
        if dev:
            _step("Programs of the tests", lambda: unpack_programs(cache_folder() / "programs"))
    except (StepFailed, FreeholdError) as error:
        print(error, file=sys.stderr)
        return 5
    return 0


def _refuse_old_python() -> None:
    if sys.version_info[:2] < MINIMUM_PYTHON:
        found = ".".join(map(str, sys.version_info[:2]))
        raise StepFailed(
            f"PYTHON_TOO_OLD python3\n  found:    {found}\n  expected: 3.11 or newer\n"
            "  fix:      run on Debian 12, or `make PYTHON=/path/to/python3.11 up`\n  changed:  nothing"
        )


def _step(title: str, work: Callable[[], str]) -> None:
    started = time.monotonic()
    if sys.stdout.isatty():
        print(f"   {title} …", end="\r", flush=True)
    result = work()
    print(f"ok {title:<46} {time.monotonic() - started:7.1f} s  {result}", flush=True)


def wanted_packages(text: str) -> list[str]:
    """Names in a list of ``package  # reason`` lines."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def installed_packages(names: Sequence[str]) -> set[str]:
    """Those of ``names`` that dpkg has fully installed."""
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names]
    output = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}


def install_os_packages(lists: Sequence[Path] = (OS_PACKAGES,)) -> str:
    """Install what is missing, by apt from this machine's own sources."""
    names = [name for one in lists for name in wanted_packages(one.read_text(encoding="utf-8"))]
    missing = sorted(set(names) - installed_packages(names))
    if not missing:
        return "up to date"
    if os.geteuid() != 0:
        raise StepFailed(
            f"NEEDS_ROOT apt\n  found:    user id {os.geteuid()}\n  expected: root, to install {' '.join(missing)}\n"
            "  fix:      run `make` as root or install sudo\n  changed:  nothing"
        )
    settings = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    with no_daemon_starts():
        _run(["apt-get", "update"], settings)
        _run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], settings)
    return f"installed {len(missing)}: {' '.join(missing)}"


@contextmanager
def no_daemon_starts(policy: Path = POLICY) -> Iterator[None]:
    """Keep package scripts from starting daemons, by Debian's own hook; an existing policy is left alone."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\n# made by Freehold for the length of one apt run\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def install_python_packages(chosen: str) -> str:
    """Install the lock file's packages and this project into ``.venv``; keyed by the digest of the lock."""
    lock = PROJECT / "requirements" / f"{chosen}.txt"
    stamp = VENV / f".freehold-{chosen}"
    digest = hashlib.sha256(lock.read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return "up to date"
    python = VENV / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(VENV)], {})
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--quiet"]
    _run([*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)], {})
    _run([*pip, "--no-build-isolation", "--editable", str(PROJECT)], {})
    stamp.write_text(digest, encoding="utf-8")
    return f"{sum(1 for line in lock.read_text().splitlines() if '==' in line)} packages, each by digest"


def unpack_programs(cache: Path, names: Path = TEST_PROGRAMS, into: Path = VENV / "bin") -> str:
    """Unpack packages that are servers, for the sake of their programs, and link those beside Python."""
    made = 0
    for name in wanted_packages(names.read_text(encoding="utf-8")):
        folder = unpack(name, cache, "the tests check rules and configurations with it")
        for program in sorted((folder / "usr/bin").iterdir()):
            link = into / program.name
            if not (link.is_symlink() and link.readlink() == program):
                link.unlink(missing_ok=True)
                link.symlink_to(program)
                made += 1
    return f"linked {made}" if made else "up to date"


def _run(words: Sequence[str], settings: dict[str, str]) -> None:
    with LOG.open("a", encoding="utf-8") as log:
        done = subprocess.run(
            words, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        )
    if done.returncode != 0:
        tail = "\n".join(f"            {line}" for line in LOG.read_text(errors="replace").splitlines()[-15:])
        raise StepFailed(
            f"PROGRAM_FAILED {' '.join(words[:4])} …\n  found:    exit status {done.returncode}\n{tail}\n"
            f"  expected: exit status 0\n  fix:      see {LOG}; the same command goes on from here\n"
            "  changed:  what the steps above list"
        )


if __name__ == "__main__":
    sys.exit(main())
