"""The door without the rest of ``freehold``: ``python -m freehold.door``, for the sake of its memory."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from freehold.door.relay import Relay
from freehold.door.service import serve
from freehold.errors import FreeholdError
from freehold.service.tls import TlsFiles, key_file

FOLDER = Path("/etc/freehold/tls")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="freehold metrics-door", allow_abbrev=False)
    parser.add_argument(
        "--relay", action="append", required=True, help="ADDRESS:PORT[/PAGE]=http://127.0.0.1:PORT/metrics"
    )
    parser.add_argument("--tls", type=Path, default=FOLDER, help="folder of node.crt, ca.crt and crl.pem")
    options = parser.parse_args(arguments)
    try:
        folder = options.tls
        key = key_file(os.environ)
        files = TlsFiles(folder / "node.crt", key, folder / "ca.crt", folder / "crl.pem")
        serve([Relay.parse(text, key.parent) for text in options.relay], files)
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
