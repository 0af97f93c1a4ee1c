"""The exporter without the rest of ``freehold``: ``python -m freehold.exporter``, two thirds of its memory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from freehold.errors import FreeholdError
from freehold.exporter.options import DEFAULT_INTERVAL, DEFAULT_LISTEN
from freehold.exporter.service import serve
from freehold.gpu.nvml import Nvml


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="freehold gpu-exporter", allow_abbrev=False)
    parser.add_argument("--listen", default=DEFAULT_LISTEN, help="host:port")
    parser.add_argument("--interval", default=DEFAULT_INTERVAL, type=float, help="seconds between two samples")
    options = parser.parse_args(arguments)
    try:
        serve(Nvml(), options.listen, options.interval)
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
