"""The lab's monitor as tests ask it: Prometheus and Alertmanager on the node's loopback, over SSH."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from freehold.process import run
from freehold.status.gather import Access, ssh_command

PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
PROGRAM = """
import json, sys, urllib.request
def ask(one):
    body = json.dumps(one["send"]).encode() if "send" in one else None
    request = urllib.request.Request(one["url"], body, {"content-type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        return {"error": str(error)}
json.dump([ask(one) for one in json.loads(sys.argv[1])], sys.stdout)
"""

Series = list[dict[str, Any]]
"""What an instant query answers: ``metric`` (labels) and ``value`` (time, text)."""


@dataclass(frozen=True)
class Monitor:
    """A monitor's host."""

    host: dict[str, Any]
    access: Access

    def get(self, *urls: str) -> list[Any]:
        """The JSON of each page; ``{"error": …}`` where there was none."""
        return self._ask([{"url": url} for url in urls])

    def post(self, url: str, body: Any) -> Any:
        """What a page answers to a body."""
        return self._ask([{"url": url, "send": body}])[0]

    def query(self, *expressions: str) -> list[Series]:
        """What each expression gives now. Raises :class:`AssertionError` where Prometheus refuses one."""
        answers = self.get(*(f"{PROMETHEUS}/api/v1/query?query={quote(one)}" for one in expressions))
        for expression, answer in zip(expressions, answers, strict=True):
            assert answer.get("status") == "success", f"{expression}: {answer}"
        return [answer["data"]["result"] for answer in answers]

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Labels of the alerts that fire, by name."""
        found: dict[str, list[dict[str, str]]] = {}
        for one in self.query('ALERTS{alertstate="firing"}')[0]:
            found.setdefault(one["metric"]["alertname"], []).append(one["metric"])
        return found

    def _ask(self, asked: Sequence[dict[str, Any]]) -> list[Any]:
        words = f"sudo -n python3 - {shlex.quote(json.dumps(list(asked)))}"
        text = run([*ssh_command(self.host, self.access), words], stdin=PROGRAM, timeout=300).stdout
        answers: list[Any] = json.loads(text)
        return answers
