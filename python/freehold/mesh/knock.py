"""Which of these doors open? Runs on nodes by plain Python, sent over SSH: standard library only.

Argument: JSON ``[[address, port], …]``. Prints the JSON list of those that accepted a TCP connection.
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 1.5
AT_ONCE = 64


def knock(target: tuple[str, int]) -> bool:
    """Whether a TCP connection is accepted; a dropped packet shows as silence."""
    try:
        with socket.create_connection(target, timeout=SECONDS):
            return True
    except OSError:
        return False


def main() -> None:
    """Knock at all of them at once."""
    targets = [(str(address), int(port)) for address, port in json.loads(sys.argv[1])]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = pool.map(knock, targets)
        print(json.dumps([target for target, opened in zip(targets, found, strict=True) if opened]))


if __name__ == "__main__":
    main()
