"""The status page's service without the rest of ``freehold``: ``python -m freehold.report``, for its memory's sake."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from freehold.errors import FreeholdError
from freehold.report.options import DEFAULT_FLEET, DEFAULT_LISTEN, DEFAULT_PROMETHEUS
from freehold.report.service import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="freehold report-service", allow_abbrev=False)
    parser.add_argument("--listen", default=DEFAULT_LISTEN, help="host:port")
    parser.add_argument("--prometheus", default=DEFAULT_PROMETHEUS, help="http://127.0.0.1:PORT")
    parser.add_argument("--fleet", default=DEFAULT_FLEET, help="the fleet's name")
    parser.add_argument("--runbooks", default="", help="where the runbooks are, as a link")
    options = parser.parse_args(arguments)
    try:
        serve(options.listen, options.prometheus, options.fleet, options.runbooks)
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
