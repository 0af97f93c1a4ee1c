"""Runs on a node as root, from standard input, with nothing but Python: prints one JSON object, file name to text.

What is secret on this node never leaves it: each secret's text is taken out before anything is printed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

SECONDS = 20
LONGEST = 2_000_000
SHORTEST_SECRET = 8
MARK = "[redacted]"
UNITS = ("freehold-*", "prometheus*.service", "victoria*.service", "grafana*.service", "fh-*")
WORDS = " ".join(repr(pattern) for pattern in UNITS)
SECRETS = ("/etc/freehold/credentials/**/*", "/etc/wireguard/*.key", "/etc/ssh/ssh_host_*_key", "/etc/shadow")

COMMANDS = {
    "system/kernel.txt": "uname -a; cat /etc/os-release; uptime",
    "system/resources.txt": "free -m; df -h; df -i; nproc; cat /proc/pressure/* 2>/dev/null",
    "system/clock.txt": "timedatectl 2>/dev/null; chronyc -n tracking 2>/dev/null",
    "system/packages.txt": "dpkg-query -W",
    "system/kernel-messages.txt": "dmesg --level=emerg,alert,crit,err,warn | tail -n 500",
    "network/addresses.txt": "ip -brief address; ip route; ip -6 route; ss -tulnp",
    "network/firewall.txt": "nft list ruleset",
    "network/wireguard.txt": "wg show",
    "units/list.txt": f"systemctl --no-pager list-units --all {WORDS}; systemctl --no-pager --failed",
    "units/timers.txt": "systemctl list-timers --all --no-pager",
    "gpu/nvidia-smi.txt": "command -v nvidia-smi >/dev/null && nvidia-smi -q",
    "freehold/settings.txt": "cd /etc/freehold && find . -maxdepth 2 -name '*.json' -print -exec cat {} +",
    "freehold/certificates.txt": "for file in /etc/freehold/tls/*.crt; do openssl x509 -in $file -noout -text; done",
    "freehold/textfile.txt": "cat /var/lib/freehold/textfile/*/*.prom",
    "metrics/gateway.txt": "curl -s --max-time 5 http://127.0.0.1:8081/metrics",
    "metrics/gpu.txt": "curl -s --max-time 5 http://127.0.0.1:9400/metrics",
}
"""Each is run by a shell. None changes anything, none asks another host."""


def run(command: str) -> str:
    """What a command printed; a failure is part of what is wanted to be known."""
    try:
        done = subprocess.run(  # noqa: S602  the commands are the ones above
            command, shell=True, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"(no answer within {SECONDS} s)\n"
    text = (done.stdout + done.stderr).decode(errors="replace")
    return text[-LONGEST:] + (f"(exit status {done.returncode})\n" if done.returncode else "")


def journals(since: str) -> dict[str, str]:
    """The journal of each unit of ours, by unit."""
    listed = run(f"systemctl list-units --all --plain --no-legend {WORDS}")
    units = [line.split()[0] for line in listed.splitlines() if line.split() and line.split()[0].endswith(".service")]
    words = f"--no-pager --output=short-iso --lines=20000 --since={since!r}"
    found = {f"journal/{unit}.txt": run(f"journalctl {words} --unit={unit!r}") for unit in units}
    return found | {
        f"units/{unit}.txt": run(f"systemctl status --no-pager --lines=0 {unit!r}; systemctl cat {unit!r}")
        for unit in units
    }


def secrets(patterns: tuple[str, ...] = SECRETS, root: Path = Path("/")) -> list[str]:
    """Every text of this node that must not leave it, the longest first."""
    found: set[str] = set()
    for pattern in patterns:
        for path in root.glob(pattern.lstrip("/")):
            if path.is_file():
                text = path.read_text(errors="replace")
                found |= {text.strip(), *(line.strip() for line in text.splitlines())}
    return sorted((one for one in found if len(one) >= SHORTEST_SECRET and "-----" not in one), key=len, reverse=True)


def without(text: str, known: list[str]) -> str:
    """``text`` without any of them."""
    for secret in known:
        text = text.replace(secret, MARK)
    return re.sub(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", MARK, text, flags=re.DOTALL
    )


def collect(since: str) -> dict[str, str]:
    """All of it."""
    found = {name: run(command) for name, command in COMMANDS.items()} | journals(since)
    known = secrets()
    return {name: without(text, known) for name, text in sorted(found.items())}


if __name__ == "__main__":
    json.dump(collect(sys.argv[1]), sys.stdout)
