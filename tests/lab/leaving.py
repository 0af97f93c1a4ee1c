"""A client outside with a key that may leave, and the lab's stand-in for a frontier provider."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.lab.world import Outside

from freehold.lab.provider.server import BEHAVIOUR, REQUESTS, Behaviour
from freehold.paths import PROJECT
from freehold.process import run

OK = 200
HELLO = [{"role": "user", "content": "Who owns a freehold?"}]


def freehold(*words: str, check: bool = True) -> Any:
    """What a command prints with ``--json``."""
    done = run([PROJECT / ".venv/bin/freehold", *words, "--json"], timeout=60, check=check)
    return json.loads(done.stdout)


@contextmanager
def key_of(name: str, *words: str) -> Iterator[str]:
    """A key by command, while the body runs."""
    key = str(freehold("gateway", "key", "new", name, *words)["key"])
    try:
        yield key
    finally:
        freehold("gateway", "key", "revoke", name)


def exceptions(name: str) -> list[dict[str, Any]]:
    """What is on record of the requests of key ``name`` that left, first to last."""
    rows = [row for row in freehold("usage", "--exceptions") if row["key_name"] == name]
    return sorted(rows, key=lambda row: int(row["at_ms"]))


@dataclass(frozen=True)
class Said:
    """An answer: its status, what its headers say of where it is from, and its body."""

    status: int
    route: str
    why: str
    headers: str
    body: str

    @property
    def here(self) -> bool:
        """A runtime of the fleet answered, this node's or another's."""
        return self.status == OK and self.route in {"local", "peer"}

    @property
    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(frozen=True)
class Client:
    """curl outside, against one gateway."""

    outside: Outside
    endpoint: str
    key: str

    def ask(self, model: str, *, path: str = "/chat/completions", allow: bool = False, **more: Any) -> Said:
        body = {"model": model, "max_tokens": 4, "messages": HELLO, **more}
        words = ["curl", "-siN", "-H", f"x-api-key: {self.key}", "--json", json.dumps(body)]
        words += ["-H", "x-freehold-frontier: allow"] if allow else []
        head, _, said = self.outside(*words, f"{self.endpoint}{path}").stdout.replace("\r\n", "\n").partition("\n\n")
        return Said(int(head.split()[1]), of(head, "route"), of(head, "frontier"), head, said)

    def knows(self, status: int = 200) -> bool:
        words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"x-api-key: {self.key}"]
        return int(self.outside(*words, f"{self.endpoint}/models").stdout) == status


def of(head: str, name: str) -> str:
    found = re.search(rf"^x-freehold-{name}: (.*)$", head, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


@dataclass(frozen=True)
class Provider:
    """The stand-in's own record of what came to it."""

    folder: Path

    def came(self) -> list[dict[str, Any]]:
        path = self.folder / REQUESTS
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    @contextmanager
    def behaving(self, **how: Any) -> Iterator[None]:
        file = self.folder / BEHAVIOUR
        file.write_text(json.dumps(asdict(Behaviour(**how))), encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()
