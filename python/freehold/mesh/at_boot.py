"""The control host's end of the mesh at every boot: a systemd unit that runs ``freehold mesh up``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from freehold.errors import RefusedError
from freehold.process import Runner, run

NAME = "freehold-mesh.service"
UNITS = Path("/etc/systemd/system")
SYSTEMD = Path("/run/systemd/system")  # there where systemd runs this host (sd_booted(3))
UNIT = """\
# Made by `freehold mesh up --at-boot`; `freehold mesh down --at-boot` takes it away.
[Unit]
Description=Freehold: this machine's end of the private plane
Wants=network-online.target
After=network-online.target
# It is tried until it is up: a name of a node may not be known yet.
StartLimitIntervalSec=0

[Service]
Type=oneshot
# What is started and ends is up; wireguard-go, where the kernel needs it, stays in the unit.
RemainAfterExit=yes
WorkingDirectory={project}
ExecStart={up}
ExecStop={down}
Restart=on-failure
RestartSec=10
TimeoutStartSec=60
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""


def text(document: Path, interface: str, project: Path) -> str:
    """The unit. The document is read at every boot; the key stays where it is, and is in no line of it."""
    words = [sys.executable, "-m", "freehold", "mesh"]
    more = ["--document", str(document.resolve()), "--interface", interface]
    up, down = (_line([*words, verb, *more]) for verb in ("up", "down"))
    return UNIT.format(project=project, up=up, down=down)


def _line(words: list[str]) -> str:
    """A command as systemd reads it, to which % and $ mean something (systemd.service(5))."""
    return shlex.join(words).replace("%", "%%").replace("$", "$$")


def install(unit: str, *, runner: Runner = run, folder: Path = UNITS, booted: Path = SYSTEMD) -> None:
    """Write the unit and enable it. Raises :class:`RefusedError` where systemd does not run this host."""
    if not booted.is_dir():
        raise RefusedError(
            "MESH_NO_SYSTEMD",
            "this host",
            "its init is not systemd",
            expected="systemd, which runs the unit at boot",
            fix="run `freehold mesh up --document FILE` at boot by what there is, as root",
        )
    (folder / NAME).write_text(unit, encoding="utf-8")
    runner(["systemctl", "daemon-reload"])
    runner(["systemctl", "enable", NAME])
    # The interface is up already: the start finds nothing to do, and the unit says what is so.
    runner(["systemctl", "start", NAME])


def remove(*, runner: Runner = run, folder: Path = UNITS) -> bool:
    """Stop the unit, which takes the interface away, and remove it; tell if there was one."""
    if not (folder / NAME).exists():
        return False
    runner(["systemctl", "disable", "--now", NAME], check=False)
    (folder / NAME).unlink()
    runner(["systemctl", "daemon-reload"])
    return True
