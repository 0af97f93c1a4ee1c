"""Looking for secrets where they have no business: by one pass of grep over files, processes and the journal.

What is looked for goes in by standard input and nowhere else: neither in an argument nor in a file.
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 16
NODE_FOLDERS = ("/etc", "/var", "/run", "/root", "/home", "/tmp", "/opt/freehold")  # noqa: S108  only read
JOURNAL = "the journal"


@dataclass(frozen=True)
class Found:
    """A secret by its name, and the file that it was found in."""

    secret: str
    place: str


def needles(name: str, text: str) -> dict[str, str]:
    """What to look for: a short secret as it is and in base64; of a private key the lines that no other key shares."""
    text = text.strip()
    if "PRIVATE KEY-----" not in text:
        assert len(text) >= SHORTEST, f"{name} is too short to be looked for"
        return {text: name, base64.b64encode(text.encode()).decode().rstrip("=")[:-1]: name}
    body = [line for line in text.splitlines() if line and not line.startswith("-----") and ": " not in line]
    own = body if len(body) == 1 else body[1:]
    return {line: name for line in own if len(line) >= SHORTEST}


def on_node(ssh: Sequence[str], wanted: Mapping[str, str]) -> list[Found]:
    """Search a node's files, processes (arguments, environments) and journal, as root."""
    return _run([*ssh, _sudo(_script(NODE_FOLDERS, "--exclude-dir=weights"))], wanted)


def here(folder: Path, wanted: Mapping[str, str], *leave_out: str) -> list[Found]:
    """Search a folder of this host, and its processes."""
    options = [f"--exclude-dir={name}" for name in leave_out]
    return _run(["sh", "-c", _script([str(folder)], *options, journal=False)], wanted)


def _script(folders: Sequence[str], *options: str, journal: bool = True) -> str:
    # Weights came from the bundle, by digest, and are most of the disk.
    grep = f"LC_ALL=C grep -roaFH -D skip --exclude='*.gguf' --exclude='*.safetensors' {' '.join(options)} -f -"
    places = " ".join([*folders, "/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"])
    # Needles come by standard input and go on by pipes; a variable of the shell is in no environment, printf its own.
    lines = ["needles=$(cat)", f"printf '%s\\n' \"$needles\" | {grep} {places} 2>/dev/null"]
    if journal:
        reading = "journalctl --no-pager --all --output=export | LC_ALL=C grep -oaF -f /dev/fd/3"
        lines.append(f"printf '%s\\n' \"$needles\" | {{ {reading}; }} 3<&0 | sed 's/^/{JOURNAL}:/'")
    return "; ".join([*lines, "true"])


def _sudo(script: str) -> str:
    return "sudo sh -c " + "'" + script.replace("'", "'\\''") + "'"


def _run(words: Sequence[str], wanted: Mapping[str, str]) -> list[Found]:
    done = subprocess.run(
        words, input="\n".join(wanted) + "\n", capture_output=True, text=True, errors="replace", timeout=60, check=True
    )
    rows = (line.partition(":")[::2] for line in done.stdout.splitlines())
    found = {Found(wanted[text], place) for place, text in rows if text in wanted}
    return sorted(found, key=lambda one: (one.secret, one.place))


def besides(found: Sequence[Found], allowed: Mapping[str, str]) -> list[Found]:
    """What is not where it belongs; ``allowed`` maps the beginning of a secret's name to a pattern of places."""

    def belongs(one: Found) -> bool:
        return any(one.secret.startswith(name) and re.fullmatch(place, one.place) for name, place in allowed.items())

    return [one for one in found if not belongs(one)]
