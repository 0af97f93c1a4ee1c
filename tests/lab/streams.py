"""A long answer as curl sees it outside, so that something can happen in its middle."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from freehold.lab import outside
from freehold.lab.plan import lab_plan

TOKENS = 900
MIDDLE = 8
"""Lines of an answer after which it is in its middle."""

LONGEST_SECONDS = 60
LONG = "Write down all numbers from 1 to 500."
"""With a temperature of 0 the smallest model goes on with this until its limit."""


@dataclass(frozen=True)
class Door:
    """A gateway, and what opens it."""

    url: str
    key: str
    model: str


@dataclass
class Stream:
    """One answer in pieces, open. ``node`` is the other node that writes it; empty for the gateway's own."""

    process: subprocess.Popen[str]
    status: int
    node: str

    @classmethod
    def open(cls, door: Door, path: str, words: str = LONG, tokens: int = TOKENS) -> Stream:
        """Ask, and read until the middle of the answer."""
        limit = "max_output_tokens" if path == "/v1/responses" else "max_tokens"
        talk = "input" if path == "/v1/responses" else "messages"
        body = {
            "model": door.model,
            limit: tokens,
            talk: [{"role": "user", "content": words}],
            "stream": True,
            "temperature": 0,
        }
        command = [
            "curl", "-sNi", "--max-time", str(LONGEST_SECONDS), "-H", f"x-api-key: {door.key}",
            "--json", json.dumps(body), f"{door.url}{path}",
        ]  # fmt: skip
        process = subprocess.Popen(outside.command(lab_plan(), command), stdout=subprocess.PIPE, text=True)
        assert process.stdout
        head = "".join(iter(process.stdout.readline, "\n"))
        node = re.search(r"^x-freehold-node: (\S+)", head, re.MULTILINE)
        made = cls(process, int(head.split()[1]), node[1] if node else "")
        if made.status == 200:
            made._read(MIDDLE)
        return made

    def _read(self, lines: int) -> None:
        assert self.process.stdout
        for _ in range(lines):
            self.process.stdout.readline()

    def rest(self) -> list[Any]:
        """Everything that still comes, until its end: the events' data."""
        said, _ = self.process.communicate(timeout=LONGEST_SECONDS)
        data = [line.removeprefix("data: ") for line in said.splitlines() if line.startswith("data: ")]
        return [json.loads(one) for one in data if one != "[DONE]"]

    def errors(self) -> list[str]:
        """What the errors in the rest of the answer call themselves; nothing comes after one."""
        events = self.rest()
        found = [event["error"] for event in events if event.get("error")]
        assert not found or events[-1].get("error"), "words after an error"
        return [str(error.get("code") or error["type"]) for error in found]

    def close(self) -> None:
        """Go away, as a client that closes its window."""
        self.process.kill()
        self.process.wait()
