"""The switch without the rest of ``freehold``: ``python -m freehold.dead_mans_switch``, for the sake of its memory."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from freehold.dead_mans_switch import service
from freehold.dead_mans_switch.settings import read
from freehold.dead_mans_switch.store import Store, this_boot
from freehold.errors import FreeholdError, FreeholdErrors, UsageError
from freehold.service.tls import TlsFiles, key_file

CONFIG = Path("/etc/freehold/dead_mans_switch.json")
FOLDER = Path("/etc/freehold/tls")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop, or send a test; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = read(options.config, _credentials(options.credentials))
        if options.test:
            service.test(settings.ways, socket.gethostname())
            return 0
        tls = options.tls
        files = TlsFiles(tls / "node.crt", key_file(os.environ), tls / "ca.crt", tls / "crl.pem")
        _say(service.beginning(options.config))
        store = Store(options.state / "monitors.json", this_boot(), _say)
        world = service.real_world(socket.gethostname(), _say)
        service.serve(service.Switch(settings, store, world), settings, files)
    except (FreeholdError, FreeholdErrors) as error:
        _say(str(error))
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="freehold dead-mans-switch", allow_abbrev=False)
    parser.add_argument("--config", type=Path, default=CONFIG, help="JSON settings")
    parser.add_argument("--tls", type=Path, default=FOLDER, help="folder of node.crt, ca.crt and crl.pem")
    state = Path(os.environ.get("STATE_DIRECTORY", "."))
    parser.add_argument("--state", type=Path, default=state, help="folder of what is known of the monitors")
    parser.add_argument("--credentials", type=Path, help="folder of passwords; by default systemd's")
    parser.add_argument("--test", action="store_true", help="send a test by every path, and end")
    return parser


def _credentials(given: Path | None) -> Path:
    found = given or os.environ.get("CREDENTIALS_DIRECTORY")
    if found:
        return Path(found)
    raise UsageError(
        "SWITCH_CREDENTIALS",
        "--credentials",
        "neither the option nor $CREDENTIALS_DIRECTORY",
        expected="the folder of passwords",
        fix="by hand, as root: --credentials /etc/freehold/credentials/owner",
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
