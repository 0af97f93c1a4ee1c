"""The control host's timer: once a day it renews what is due and writes when everything ends."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import RefusedError, UsageError
from freehold.fleet import record
from freehold.fleet.target import PRIVATE_KEY
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
# Locks, logs and known hosts are this user's, as when the command is run by hand.
User={user}
Environment={environment}
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


@dataclass(frozen=True)
class Operator:
    """Whom the timer works for: a run by hand of the same user must find the same locks, and a key that opens nodes."""

    user: str
    home: Path
    state: Path
    private_key: Path | None = None

    @property
    def environment(self) -> str:
        """For `Environment=`: paths only, no secret."""
        given = {"HOME": self.home, "FREEHOLD_STATE": self.state, PRIVATE_KEY: self.private_key}
        return " ".join(f'"{name}={path}"' for name, path in given.items() if path is not None)


def operator(
    site: str,
    user: str | None = None,
    state: Path | None = None,
    private_key: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Operator:
    """Who is named, else who called sudo, else who runs this. Raises :class:`UsageError` for an unknown user."""
    name = user or environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    try:
        home = Path(pwd.getpwnam(name).pw_dir)
    except KeyError as error:
        raise UsageError("KEYS_USER", name, "no such user here", fix="name another with --user") from error
    named = environ.get(PRIVATE_KEY)
    key = private_key or (Path(named) if named else None)
    # Under sudo the folder is not root's but that of the user who works by hand.
    theirs = {"XDG_STATE_HOME": str(home / ".local" / "state")} if home != Path.home() else {}
    folder = state or record.state_folder(site, {**environ, **theirs})
    return Operator(name, home, folder.absolute(), key.absolute() if key else None)


def units(document: Path, keys: Path, metrics: Path, project: Path, by: Operator) -> dict[str, str]:
    """Both units by file name. No secret is in them: daily work does not need the root."""
    freehold = [sys.executable, "-m", "freehold", "keys"]
    renew = shlex.join([*freehold, "renew", "--document", str(document)])
    show = shlex.join([*freehold, "show", "--folder", str(keys), "--metrics", str(metrics)])
    service = SERVICE.format(project=project, renew=renew, metrics=show, user=by.user, environment=by.environment)
    return {f"{NAME}.service": service, f"{NAME}.timer": TIMER}


def _open_folder(folder: Path, owner: str) -> None:
    """The operator writes there, and the exporter, which is another user, reads."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if owner:
        shutil.chown(folder, owner)


def install(
    files: dict[str, str],
    *,
    metrics: Path | None = None,
    owner: str = "",
    runner: Runner = run,
    folder: Path = UNITS,
    booted: Path | None = None,
) -> None:
    """Write the units and start the timer. Raises :class:`RefusedError` where systemd does not run this host."""
    if not (booted or Path("/run/systemd/system")).is_dir():
        raise RefusedError(
            "KEYS_NO_SYSTEMD",
            "this host",
            "its init is not systemd",
            expected="systemd, which starts the timer",
            fix="run `freehold keys renew` daily by what there is (cron), and watch its exit status",
        )
    if metrics is not None:
        _open_folder(metrics.parent, owner)
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
