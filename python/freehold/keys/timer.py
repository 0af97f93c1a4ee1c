"""The control host's timer: once a day it renews what is due and writes when everything ends."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from freehold.errors import RefusedError
from freehold.process import Runner, run

NAME = "freehold-keys-renew"
UNITS = Path("/etc/systemd/system")
SERVICE = """\
# Made by `freehold keys timer install`; `freehold keys timer remove` takes it away.
[Unit]
Description=Freehold: renew certificates of the fleet
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={project}
ExecStart={renew}
ExecStopPost={metrics}
TimeoutStartSec=1h
PrivateTmp=yes
ProtectSystem=full
NoNewPrivileges=yes
"""
TIMER = """\
# Made by `freehold keys timer install`.
[Unit]
Description=Freehold: renew certificates of the fleet, daily

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
# A host that was off at that hour catches up.
Persistent=yes

[Install]
WantedBy=timers.target
"""


def units(document: Path, keys: Path, metrics: Path, project: Path) -> dict[str, str]:
    """Both units by file name. No secret is in them: daily work does not need the root."""
    freehold = [sys.executable, "-m", "freehold", "keys"]
    renew = shlex.join([*freehold, "renew", "--document", str(document)])
    show = shlex.join([*freehold, "show", "--folder", str(keys), "--metrics", str(metrics)])
    service = SERVICE.format(project=project, renew=renew, metrics=show)
    return {f"{NAME}.service": service, f"{NAME}.timer": TIMER}


def install(files: dict[str, str], *, runner: Runner = run, folder: Path = UNITS, booted: Path | None = None) -> None:
    """Write the units and start the timer. Raises :class:`RefusedError` where systemd does not run this host."""
    if not (booted or Path("/run/systemd/system")).is_dir():
        raise RefusedError(
            "KEYS_NO_SYSTEMD",
            "this host",
            "its init is not systemd",
            expected="systemd, which starts the timer",
            fix="run `freehold keys renew` daily by what there is (cron), and watch its exit status",
        )
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    runner(["systemctl", "daemon-reload"])
    runner(["systemctl", "enable", "--now", f"{NAME}.timer"])


def remove(*, runner: Runner = run, folder: Path = UNITS) -> bool:
    """Stop the timer and remove the units; tell if there were any."""
    there = [folder / f"{NAME}.{kind}" for kind in ("timer", "service") if (folder / f"{NAME}.{kind}").exists()]
    if there:
        runner(["systemctl", "disable", "--now", f"{NAME}.timer"], check=False)
    for path in there:
        path.unlink()
    if there:
        runner(["systemctl", "daemon-reload"])
    return bool(there)
