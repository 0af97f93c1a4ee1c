"""Programs that tests run for real: those that the environment step linked beside Python, else the machine's own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def program(name: str) -> str:
    """The path of ``name``. A test without its program fails: skipping would say that something was checked."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    assert found, f"{name} is missing: `make environment-dev` brings it (requirements/os-*-dev.txt)"
    return found
