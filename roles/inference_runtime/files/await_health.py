"""Wait until a server answers its health check; systemd's start timeout ends the wait."""  # noqa: INP001  runs on a node, alone

from __future__ import annotations

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


if __name__ == "__main__":
    while not answers(sys.argv[1]):
        time.sleep(PAUSE_SECONDS)
