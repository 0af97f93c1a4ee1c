"""The pulumi above is found by name; what works on a node ends with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.unit.fleet.waiting import wait_for

from freehold.fleet import ancestor


def test_the_nearest_pulumi_above_is_found(tmp_path: Path) -> None:
    for process, parent, name in ((40, 30, "python3"), (30, 20, "pulumi-language"), (20, 10, "pulumi"), (10, 1, "sh")):
        folder = tmp_path / str(process)
        folder.mkdir()
        (folder / "comm").write_text(f"{name}\n")
        (folder / "stat").write_text(f"{process} (a ) b) S {parent} 0 0\n")
    assert ancestor.find("pulumi", 40, tmp_path) == 20
    assert ancestor.find("terraform", 40, tmp_path) is None


CHILD = """
from freehold.fleet import ancestor
import os, signal
signal.signal(signal.SIGTERM, lambda *_: (open({mark!r}, "w").close(), os._exit(0)))
ancestor.end_with({name!r})
print(flush=True)
signal.pause()
"""


def test_a_converge_is_asked_to_end_when_pulumi_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "asked"
    child = CHILD.format(mark=str(mark), name="pulumi")
    program = (
        "import subprocess, sys; open('/proc/self/comm', 'w').write('pulumi');"
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"\n"
        parent.send_signal(signal.SIGKILL)
    wait_for(mark.exists)


def test_without_a_pulumi_above_nothing_waits() -> None:
    ends = "from freehold.fleet import ancestor; ancestor.end_with('nobody')"
    program = f"{ends}; import threading; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
