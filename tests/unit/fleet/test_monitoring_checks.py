"""What the monitor is told leads somewhere, no secret travels in the open, and somebody watches the watcher."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.unit.keys import party

from freehold.errors import FreeholdErrors
from freehold.fleet import document as documents
from freehold.fleet import reading
from freehold.fleet.checks import World

MONITORING: dict[str, Any] = {
    "watcher": "gpu2",
    "mail": {
        "server": "192.0.2.25:587",
        "sender": "freehold@example.com",
        "to": ["ops@example.com"],
        "user": "freehold",
        "credential": "mail",
    },
    "webhooks": [{"url": "https://192.0.2.25/alerts", "credential": "pager"}],
}


@pytest.fixture
def whole(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with everything that can be said of monitoring."""
    secrets = {"mail": "a password", "pager": "a bearer's token"}
    return {**config, "monitoring": copy.deepcopy(MONITORING), "credentials": secrets}


def faults(config: dict[str, Any], world: World) -> list[tuple[str, str]]:
    try:
        reading.read(reading.Raw(config), world)
    except FreeholdErrors as caught:
        return [(error.code, error.subject.partition(":")[2]) for error in caught.errors]
    return []


def test_a_whole_section_is_taken(whole: dict[str, Any], world: World) -> None:
    assert faults(whole, world) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.update(watcher="gpu9"), ("CONFIG_UNKNOWN_HOST", "monitoring.watcher")),
        (lambda m: m["mail"].update(credential="none"), ("CONFIG_UNKNOWN_CREDENTIAL", "monitoring.mail.credential")),
        (lambda m: m["mail"].pop("user"), ("CONFIG_MAIL_LOGIN", "monitoring.mail.user")),
        (lambda m: m["mail"].pop("credential"), ("CONFIG_MAIL_LOGIN", "monitoring.mail.credential")),
        (lambda m: m["mail"].update(tls="none"), ("CONFIG_OPEN_SECRET", "monitoring.mail.tls")),
        (lambda m: m["mail"].update(server="mail.example.com"), ("CONFIG_BAD_ADDRESS", "monitoring.mail.server")),
        (lambda m: m["mail"].update(server_name="mail:587"), ("CONFIG_BAD_VALUE", "monitoring.mail.server_name")),
        (lambda m: m["mail"].update(ca="roots"), ("CONFIG_BAD_VALUE", "monitoring.mail.ca")),
        (lambda m: m["mail"].update(server="mail:0"), ("CONFIG_BAD_ADDRESS", "monitoring.mail.server")),
        (lambda m: m["mail"].update(to=["ops\n@example.com"]), ("CONFIG_BAD_VALUE", "monitoring.mail.to[0]")),
        (lambda m: m["mail"].update(to=[]), ("CONFIG_BAD_VALUE", "monitoring.mail.to")),
        (
            lambda m: m["webhooks"][0].update(url="http://192.0.2.25/alerts"),
            ("CONFIG_OPEN_SECRET", "monitoring.webhooks[0].url"),
        ),
        (
            lambda m: m["webhooks"][0].update(credential="none"),
            ("CONFIG_UNKNOWN_CREDENTIAL", "monitoring.webhooks[0].credential"),
        ),
    ],
)
def test_what_leads_nowhere_or_tells_a_secret_is_refused(
    whole: dict[str, Any], world: World, change: Any, expected: tuple[str, str]
) -> None:
    change(whole["monitoring"])
    assert faults(whole, world) == [expected]


@pytest.mark.parametrize("given", [{"server_name": "mail.example.com"}, {"ca": "roots"}])
def test_nobody_is_believed_by_a_certificate_that_nobody_asks_for(
    whole: dict[str, Any], world: World, given: dict[str, str]
) -> None:
    mail = whole["monitoring"]["mail"]
    whole["monitoring"]["mail"] = {key: mail[key] for key in ("server", "sender", "to")} | {"tls": "none"} | given
    assert ("CONFIG_MAIL_UNCHECKED", f"monitoring.mail.{next(iter(given))}") in faults(whole, world)


def test_the_mail_servers_name_and_authority_reach_the_document(
    whole: dict[str, Any], world: World, tmp_path: Path
) -> None:
    keys = party.hierarchy(tmp_path / "pki", tmp_path / "secret")
    pem = (party.holder(keys, "mail", tmp_path / "mail") / "ca.crt").read_text(encoding="ascii")
    whole["monitoring"]["mail"] |= {"server_name": "mail.example.com", "ca": pem}
    read = reading.read(reading.Raw(whole), world)
    told = documents.build(read.settings, read.bundle, read.keys, "test")["monitoring"]["mail"]
    assert (told["server_name"], told["ca"]) == ("mail.example.com", pem)


def test_a_watcher_in_maintenance_is_refused(whole: dict[str, Any], world: World) -> None:
    whole["hosts"][1]["maintenance"] = True
    assert faults(whole, world) == [("CONFIG_WATCHER_IN_MAINTENANCE", "monitoring.watcher")]


def test_the_first_host_that_is_no_monitor_watches(config: dict[str, Any], world: World) -> None:
    assert _watcher(config, world) == "gpu2"
    assert _watcher({**config, "monitor": ["gpu2"]}, world) == "gpu1"


def test_where_all_are_monitors_one_of_them_watches(config: dict[str, Any], world: World) -> None:
    assert _watcher({**config, "monitor": ["gpu2", "gpu1"]}, world) == "gpu2"


def test_a_monitor_is_introduced_to_all_that_it_watches_and_nobody_else_is(whole: dict[str, Any], world: World) -> None:
    read = reading.read(reading.Raw(whole), world)
    document = documents.build(read.settings, read.bundle, read.keys, "test")
    assert documents.view(document, "gpu1")["watched"] is None
    document = documents.with_peers(document, {})
    watched = documents.introduction(document, "gpu1")["watched"]
    assert [(one["name"], one["watcher"]) for one in watched] == [("gpu1", False), ("gpu2", True)]
    assert "watched" not in documents.introduction(document, "gpu2")


def _watcher(config: dict[str, Any], world: World) -> str:
    read = reading.read(reading.Raw(config), world)
    return str(documents.build(read.settings, read.bundle, read.keys, "test")["monitoring"]["watcher"]["name"])
