"""Take secrets out of a program's output before it reaches a file or a screen: known values and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MARK = "[redacted]"
SHORTEST = 8  # a shorter "secret" would blacken half of the log

_SECRET_NAME = re.compile(r"(PASSPHRASE|PASSWORD|SECRET|TOKEN|API_?KEY)", re.IGNORECASE)
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MARK}"),
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), rf"\1:{MARK}@"),
    (re.compile(r"\b(?:sk|fh|fk|freehold)[-_][A-Za-z0-9_-]{20,}"), MARK),
    (
        re.compile(
            r"(?i)((?:pass(?:word|phrase)|secret|token|api[_-]?key|internal[_-]key)"
            r"""["']?\s*[:=]\s*["']?)(?!\[redacted|(?:true|false|null|none|\d{1,6}|/)\b|/)[^\s"',}]{6,}"""
        ),
        rf"\1{MARK}",
    ),
)


class Redactor:
    """Works line by line; a private key that spans lines is dropped from its first line to its last."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        kept = {value for secret in known for value in secret.splitlines() if len(value) >= SHORTEST}
        self._known = sorted(kept, key=len, reverse=True)
        self._in_key = False

    def __call__(self, line: str) -> str:
        """The line without its secrets."""
        if self._in_key or _BEGIN.search(line):
            self._in_key = not _END.search(line)
            return MARK + ("\n" if line.endswith("\n") else "")
        for value in self._known:
            line = line.replace(value, MARK)
        for pattern, replacement in _PATTERNS:
            line = pattern.sub(replacement, line)
        return line


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Values of the variables whose name says secret."""
    return [value for name, value in environment.items() if _SECRET_NAME.search(name) and not value.startswith("/")]


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that has no business with Pulumi's secrets."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("PULUMI_") and not _SECRET_NAME.search(name)
    }
