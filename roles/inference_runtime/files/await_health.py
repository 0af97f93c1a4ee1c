"""Wait until a server answers its health check; the server's end, or systemd's start timeout, ends the wait."""  # noqa: INP001  runs on a node, alone

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request

PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 5.0


def answers(url: str) -> bool:
    """Whether ``url`` gives 200 now; a server that is still loading refuses the connection."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310  loopback, from our unit
            return bool(answer.status == 200)  # noqa: PLR2004  HTTP's OK
    except (urllib.error.URLError, OSError):
        return False


def lives(pid: int) -> bool:
    """Whether the server's main process is there: one that fell at once must not be awaited to the timeout."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main(url: str, pid: int) -> int:
    """Exit status: 0 once it answers, 1 when it is gone."""
    while not answers(url):
        if not lives(pid):
            print(f"the server ended before it answered {url}; its own words are above", file=sys.stderr)
            return 1
        time.sleep(PAUSE_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
