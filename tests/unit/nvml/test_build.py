"""The library is compiled from its source, strictly, and only when that changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest

from freehold.lab.nvml import LIBRARY, SYMBOL, build
from freehold.lab.nvml import build as package_build
from freehold.lab.nvml.build import STAMP
from freehold.process import Completed, ProcessError


class Compiler:
    """A runner that writes what it was asked to make."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, args: Sequence[str | os.PathLike[str]], **_: Any) -> Completed:
        words = [os.fspath(word) for word in args]
        self.calls.append(words)
        Path(words[words.index("-o") + 1]).write_text("a library")
        return Completed(tuple(words), 0, "", "")


def test_an_unchanged_source_is_compiled_once(tmp_path: Path) -> None:
    compiler = Compiler()
    assert build(tmp_path, compiler) == build(tmp_path, compiler) == tmp_path / LIBRARY
    assert len(compiler.calls) == 1


def test_another_source_is_compiled_again(tmp_path: Path) -> None:
    compiler = Compiler()
    build(tmp_path, compiler)
    (tmp_path / STAMP).write_text("an older source's digest")
    build(tmp_path, compiler)
    assert len(compiler.calls) == 2


def test_warnings_are_errors(tmp_path: Path) -> None:
    compiler = Compiler()
    build(tmp_path, compiler)
    assert {"-Wall", "-Wextra", "-Werror", f"-Wl,-soname,{LIBRARY}"} <= set(compiler.calls[0])


def test_a_failed_compilation_leaves_no_library(tmp_path: Path) -> None:
    def broken(*_: Any, **__: Any) -> Completed:
        raise ProcessError("PROGRAM_FAILED", "gcc", "exit status 1")

    with pytest.raises(ProcessError):
        build(tmp_path, broken)
    assert not (tmp_path / LIBRARY).exists()


def test_only_nvml_functions_and_the_mark_are_exported(library: Path) -> None:
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in listing.splitlines()}
    assert SYMBOL in names
    assert all(name.startswith("nvml") for name in names - {SYMBOL})


def test_a_function_that_it_lacks_is_not_found(nvml: Any) -> None:
    with pytest.raises(pynvml.NVMLError) as raised:
        nvml.nvmlGpmQueryDeviceSupport(nvml.nvmlDeviceGetHandleByIndex(0))
    assert raised.value.value == nvml.NVML_ERROR_FUNCTION_NOT_FOUND


def test_the_package_offers_the_function_not_the_module() -> None:
    assert callable(package_build)
