"""``freehold gateway explain`` says what the gateway then does; it takes nothing, and says what it does not know."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.gateway.frontier.provider import Provider
from tests.unit.gateway.frontier.site import ASKED, BEST, STRICT, USD, Site, chat, exception, keys, site
from tests.unit.gateway.harness import CHAT
from typer.testing import CliRunner

from freehold.errors import UsageError
from freehold.gateway import cli, cli_explain, cli_keys
from freehold.gateway.frontier import explain
from freehold.gateway.policy import explain as words
from freehold.gateway.policy.reasons import Reason
from freehold.gateway.remote import Ledgers
from freehold.ledger import node
from freehold.paths import PROJECT
from freehold.process import Completed

CARD = "my card is 4111 1111 1111 1111"


def settings(here: Site, ca: str, **changed: Any) -> Path:
    told = asdict(exception(here.provider, ca, **changed))
    for route in told["routes"]:
        route["when"] = "always" if route.pop("always") else "asked"
    for provider in told["providers"]:
        provider |= {name: provider[name] or None for name in ("prices", "ca")}
    whole = {
        "listen": {"host": "127.0.0.1", "port": 8080},
        "metrics": dict(zip(("host", "port"), here.gateway.addresses.metrics, strict=True)),
        "keys": [{"name": key.name, "sha256": key.sha256, "frontier": key.frontier} for key in keys()],
        "models": [{"name": CHAT, "kind": "chat", "url": "http://127.0.0.1:9", "engine": "llama_cpp", "context": 512}],
        "node": "gpu1",
        "ledger": str(here.path),
        "frontier": told,
    }
    path = here.path.parent / "gateway.json"
    path.write_text(json.dumps(whole))
    return path


def told(config: Path, model: str = BEST, key: str | None = "may", **more: Any) -> dict[str, Any]:
    return explain.answer({"config": str(config), "model": model, "key": key, **more})


def outcome(config: Path, **asked: Any) -> tuple[str, str]:
    decision = told(config, **asked)["decision"]
    return decision["outcome"], decision["reason"]


def test_it_says_what_the_gateway_then_does(here: Site, ca: str) -> None:
    config = settings(here, ca)
    assert outcome(config) == ("leaves", "all_conditions_held")
    assert outcome(config, key="may-not") == ("local", "key_may_not")
    assert outcome(config, model=ASKED) == ("local", "local_model")
    assert outcome(config, model=ASKED, frontier=True) == ("leaves", "all_conditions_held")
    assert outcome(config, model=CHAT, frontier=True) == ("local", "no_provider")
    assert outcome(config, model="nobody's") == ("refused", "unknown_model")
    assert outcome(config, path="/v1/messages") == ("local", "no_provider")
    assert outcome(config, model=STRICT, body=chat(CARD)) == ("refused", "rule_found")
    assert (here.provider.connections, here.exceptions()) == (0, [])
    assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
    (row,) = here.settled()
    most = told(config, body=chat())["worst"]
    assert (most["tokens"], most["nano_usd"]) == pytest.approx((row["worst_tokens"], row["worst_nano_usd"]), rel=0.01)


def test_a_cap_in_the_way_is_told_with_its_numbers(provider: Provider, ca: str, tmp_path: Path) -> None:
    small: dict[str, Any] = {"nano_usd_per_day": USD // 1000}
    with site(provider, ca, tmp_path, **small) as here:
        found = told(settings(here, ca, **small))
        assert found["decision"]["reason"] == here.ask(chat())[2]["x-freehold-frontier"] == "money_cap"
        assert [(cap["name"], cap["limit"]) for cap in found["limits"]] == [("fleet_day", USD // 1000)]
        assert any("fleet_day: 0 of 1,000,000 nano_usd" in line for line in cli_explain.lines(found))


def test_the_breaker_is_read_from_the_gateway_and_unknown_without_it(here: Site, ca: str) -> None:
    config = settings(here, ca)
    assert told(config)["breaker"] == "closed"
    here.provider.ill = "status=500"
    for _ in range(5):
        here.ask(chat())
    found = told(config)
    assert (found["breaker"], found["decision"]["reason"]) == ("open", "provider_dark")
    here.gateway.end()
    here.gateway.thread.join(10)
    found = told(config)
    held = {one["id"]: one["held"] for one in found["decision"]["conditions"]}
    assert (found["breaker"], held["provider_dark"], held["ledger_not_writable"]) == (None, None, None)
    assert found["decision"]["outcome"] == "local"


def test_without_a_key_what_hangs_on_it_is_not_known(here: Site, ca: str) -> None:
    found = told(settings(here, ca), key=None)["decision"]
    held = {one["id"]: one["held"] for one in found["conditions"]}
    assert (held["key_may_not"], held["money_cap"], held["rule_found"]) == (None, None, True)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"key": "nobody"}, "EXPLAIN_KEY"),
        ({"path": "/v1/x"}, "EXPLAIN_PATH"),
        ({"body": {"messages": 3}}, "EXPLAIN_BODY"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(here: Site, ca: str, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        told(settings(here, ca), **asked)
    assert caught.value.code == code


def test_over_ssh_it_answers_in_json(here: Site, ca: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    config = settings(here, ca)
    for question, expected in (
        ({"config": str(config), "model": BEST, "key": "may"}, "answer"),
        ({"config": str(config), "model": BEST, "key": "?"}, "errors"),
    ):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(question)))
        assert node.main(explain.answer) == 0
        assert expected in json.loads(capsys.readouterr().out)


class Ssh:
    """Stands for SSH: runs here what would run on the node, with the test's settings."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def __call__(self, args: Any, *, stdin: str | None = None, **_: Any) -> Completed:
        module = args[-1].split(" -m ")[1]
        question = json.dumps({**json.loads(stdin or ""), "config": str(self.config)})
        words, environ = [sys.executable, "-m", module], {"PYTHONPATH": str(PROJECT / "python")}
        done = subprocess.run(words, input=question, capture_output=True, text=True, check=True, env=environ)
        return Completed(tuple(args), 0, done.stdout, done.stderr)


HOST = {"name": "gpu1", "address": "192.0.2.11", "port": 22, "host_key": "ssh-ed25519 AAAA", "maintenance": False}


def test_the_command_shows_a_table_or_json(here: Site, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"gateway": {"authority": "gpu1"}, "hosts": [HOST]}
    fleet = Ledgers(document, Path("/k"), Path("/h"), Ssh(settings(here, ca)))
    monkeypatch.setattr(cli_keys, "ledgers", lambda *_: fleet)
    app = typer.Typer()
    cli.register(app)

    def run(*more: str, stdin: str = "") -> Any:
        return CliRunner().invoke(app, ["gateway", "explain", "--model", STRICT, *more], input=stdin)

    plain = run("--key", "may", "--body", "-", stdin=json.dumps(chat(CARD))).stdout
    assert "This request is refused" in plain
    assert "card" in plain
    assert "4111" not in plain
    assert "breaker         closed" in plain
    found = json.loads(run("--key", "may", "--json").stdout)
    assert found["decision"]["outcome"] == "leaves"
    assert words.as_json(words.of_json(found["decision"])) == found["decision"]
    assert words.of_json(found["decision"]).reason is Reason.ALL_CONDITIONS_HELD
    assert isinstance(run("--key", "nobody").exception, UsageError)
    assert isinstance(run("--node", "gpu9").exception, UsageError)
    assert isinstance(run("--body", "/nowhere").exception, UsageError)
    assert isinstance(run("--body", "-", stdin="[]").exception, UsageError)
