"""``python -m monitoring.dashboards [--check]``: write the dashboards, or say which would change."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from freehold.errors import IntegrityError
from monitoring.dashboards.files import FOLDER, stale, write


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Exit code 0, or 4 where ``--check`` finds a file that is not what the views make."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.dashboards", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a file is not fresh")
    if not parser.parse_args(arguments).check:
        print("\n".join(f"wrote {name}" for name in write(folder)) or "up to date")
        return 0
    if names := stale(folder):
        error = IntegrityError(
            "DASHBOARDS_STALE",
            str(folder),
            f"not as the views make them: {', '.join(names)}",
            expected="the text of monitoring.dashboards.rendered()",
            why="a dashboard that differs from its source shows what nobody reviewed",
            fix="python -m monitoring.dashboards",
        )
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
