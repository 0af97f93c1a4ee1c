"""A node that looks at itself: each check can fail and be unknown on its page, and the weights are read once a day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.sovereignty.test_checks import facts

from freehold.errors import FreeholdErrors, RefusedError
from freehold.process import Completed, ProcessError
from freehold.sovereignty import checks, firewall, light, node_settings, owned, phone_home
from freehold.sovereignty.digests import DAY_SECONDS, HOUR_SECONDS, Digests
from freehold.sovereignty.node_settings import NodeSettings
from freehold.sovereignty.owner import Owner, own_hosts
from freehold.sovereignty.result import Outcome

SETTINGS = NodeSettings(
    "gpu1", {"small-chat": "ab" * 32, "small-vectors": "cd" * 32}, ("203.0.113.10:443",), ("10.85.0.0/24",)
)
OWNER = Owner(("small-chat",), frozenset({"10.85.0.0/24"}), frozenset({"api.vendor.com"}), frozenset({"203.0.113.10"}))
CARRIES = " ".join(f"{name}={value}" for name, value in phone_home.environment("node").items())
UNITS = {"freehold-gateway.service": {"Environment": CARRIES}}
NOW = 1_800_000_000.0
COUNTERS = {
    "nftables": [
        {"metainfo": {"version": "1.0.6"}},
        {"counter": {"family": "inet", "name": "dropped_input", "table": "freehold_input", "packets": 7, "bytes": 420}},
        {"counter": {"family": "inet", "name": "theirs", "table": "docker", "packets": 9, "bytes": 9}},
    ]
}


def nft(said: object = COUNTERS) -> Any:
    def run(args: Any, **_: Any) -> Completed:
        assert tuple(args) == firewall.COMMAND
        return Completed(tuple(args), 0, said if isinstance(said, str) else json.dumps(said), "")

    return run


def samples(page: str, name: str) -> dict[tuple[str, ...], float]:
    """Label values, in order, to the value."""
    families = {each.name: each.samples for each in text_string_to_metric_families(page)}
    rows = families.get(name.removesuffix("_total"), [])
    return {tuple(row.labels.values()): row.value for row in rows}


def looked(**changed: Any) -> str:
    reading = facts(units=UNITS) | changed
    found = light.results(SETTINGS, OWNER, lambda _: reading, NOW)
    return light.rendered(found, nft(), NOW)


def outcome(page: str, check: str) -> set[str]:
    rows = samples(page, "freehold_sovereignty_check")
    assert {labels[3] for labels in rows if labels[0] == check} == set(Outcome), "each outcome is a series"
    return {labels[3] for labels, value in rows.items() if labels[0] == check and value == 1}


def test_a_page_tells_every_outcome_when_it_looked_and_what_was_dropped() -> None:
    page = looked()
    rows = samples(page, "freehold_sovereignty_check")
    assert rows["no_route_out", "gpu1", "data_path", "ok"] == 1
    assert rows["no_route_out", "gpu1", "data_path", "fail"] == 0
    assert {labels[0] for labels in rows} == {"no_route_out", "no_third_party_host", "phone_home_switches"}
    times = samples(page, "freehold_sovereignty_checked_timestamp_seconds")
    assert times == {(check,): NOW for check in ("no_route_out", "no_third_party_host", "phone_home_switches")}
    assert samples(page, "freehold_firewall_dropped_packets_total") == {("dropped_input",): 7}


@pytest.mark.parametrize(
    ("check", "changed", "expected"),
    [
        ("no_route_out", {"routes": ["default via 10.0.0.1"]}, "fail"),
        ("no_route_out", {"probes": {"203.0.113.10:443": {"connected": True, "errno": None}}}, "fail"),
        ("no_route_out", {"routes": {"error": "ip: not found"}}, "unknown"),
        ("no_third_party_host", {"configuration": {"/etc/x": "NTP=pool.example.org"}}, "fail"),
        ("no_third_party_host", {"configuration": {"error": "PermissionError"}}, "unknown"),
        ("phone_home_switches", {"units": {"freehold-gateway.service": {"Environment": "DO_NOT_TRACK=0"}}}, "fail"),
        ("phone_home_switches", {"units": {"error": "no bus"}}, "unknown"),
    ],
)
def test_a_node_that_is_not_its_owners_or_cannot_look_says_so(
    check: str, changed: dict[str, Any], expected: str
) -> None:
    assert outcome(looked(), check) == {"ok"}
    assert outcome(looked(**changed), check) == {expected}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (checks.OWN_SETTINGS, '"203.0.113.10:443"', "ok"),
        ("/etc/freehold/other.json", '"203.0.113.10:443"', "fail"),
        (checks.OWN_SETTINGS, '"198.51.100.9:443"', "fail"),
        (checks.GATEWAY_SETTINGS, '"https://api.vendor.com/v1"', "ok"),
        (checks.OWN_SETTINGS, '"https://api.vendor.com/v1"', "fail"),
        ("/etc/freehold/gateway-peers.json", '"10.85.0.77"', "ok"),
        ("/etc/freehold/gateway-peers.json", '"10.86.0.77"', "fail"),
    ],
)
def test_only_the_file_that_must_name_a_host_may(file: str, text: str, expected: str) -> None:
    assert outcome(looked(configuration={file: text}), "no_third_party_host") == {expected}


@pytest.mark.parametrize("said", ["", "{}", "[]", '{"nftables": [{"counter": {}}]}'])
def test_counters_that_cannot_be_read_are_missing_and_not_zero(said: str) -> None:
    assert firewall.dropped(nft(said)) == {}


def test_a_node_without_nft_has_no_counters() -> None:
    def missing(*_: Any, **__: Any) -> Completed:
        raise ProcessError("PROGRAM_MISSING", "nft", "not there")

    assert firewall.dropped(missing) == {}


def test_every_check_is_about_something_that_is_owned() -> None:
    judges = {"weights_digest", "no_route_out", "no_third_party_host", "phone_home_switches"}
    assert set(owned.OWNED) == judges
    assert all(callable(getattr(checks, name)) for name in judges)
    assert set(owned.OWNED.values()) <= set(owned.THINGS)


# Settings


def test_who_is_excepted_is_read_from_the_gateways_settings_and_the_other_nodes_from_their_file(tmp_path: Path) -> None:
    gateway, peers = tmp_path / "gateway.json", tmp_path / "peers.json"
    assert SETTINGS.owner(gateway, peers).providers == frozenset()
    gateway.write_text(json.dumps({"frontier": {"providers": [{"url": "https://api.vendor.com/v1"}]}}))
    peers.write_text(json.dumps({"own_hosts": ["gpu2", "192.0.2.12"]}))
    owner = SETTINGS.owner(gateway, peers)
    assert owner.providers == {"api.vendor.com"}
    assert owner.own == {"gpu1", "10.85.0.0/24", "gpu2", "192.0.2.12"}
    assert owner.probed == {"203.0.113.10"}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"frontier": []}', '{"frontier": {"providers": [{}]}}', '{"own_hosts": 3}']
)
def test_a_file_that_is_none_excuses_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    owner = SETTINGS.owner(file, file)
    assert owner.providers == frozenset()
    assert owner.own == {"gpu1", "10.85.0.0/24"}


def test_settings_with_faults_are_refused_together(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"models": [], "probe_targets": "x", "own_hosts": [], "more": 1}))
    with pytest.raises((FreeholdErrors, RefusedError)) as refused:
        node_settings.read(file)
    for field_ in ("node", "models", "probe_targets", "more"):
        assert field_ in str(refused.value)


def test_the_mesh_is_the_owners_as_a_whole() -> None:
    document = {
        "hosts": [], "models": [], "bundle": {"url": "http://192.0.2.1:8480"},
        "mesh": {"network": "10.85.0.0/24", "control": {"address": "10.85.0.1"}},
    }  # fmt: skip
    texts = {"/etc/x": "peer = 10.85.0.200\nbundle = http://192.0.2.1:8480"}
    result = checks.no_third_party_host("gpu1", facts(configuration=texts), own_hosts(document), "")
    assert result.outcome is Outcome.OK


def test_a_network_that_is_none_excuses_nothing() -> None:
    texts = {"/etc/x": "peer = 10.85.0.200"}
    assert checks.no_third_party_host("g", facts(configuration=texts), {"10.85/x"}, "").outcome is Outcome.FAIL


# The weights


@dataclass
class World:
    """A store whose answers a test sets, and a clock that it moves."""

    file: Path
    now: float = NOW
    returncode: int = 0
    read: list[str] = field(default_factory=list)

    def verify(self, models: dict[str, str]) -> Mapping[str, Any]:
        self.read += models
        return {name: {"returncode": self.returncode, "answer": {}, "stderr": "said"} for name in models}

    def run(self, settings: NodeSettings = SETTINGS, *, all_now: bool = False) -> set[str]:
        """A run of the command in a new process; which outcomes there were."""
        self.read.clear()
        digests = Digests(self.file, settings, self.verify, lambda: self.now)
        return {str(one.outcome) for one in digests.run(all_now=all_now)}

    @property
    def checked(self) -> float | None:
        page = self.file.read_text()
        return samples(page, "freehold_sovereignty_checked_timestamp_seconds").get(("weights_digest",))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "weights_digest.prom")


def test_weights_are_read_at_the_first_run_and_then_once_a_day_across_restarts(world: World) -> None:
    assert world.run() == {"ok"}
    assert world.read == ["small-chat", "small-vectors"]
    assert world.checked == NOW
    world.now += DAY_SECONDS - 1
    assert world.run() == {"ok"}
    assert (world.read, world.checked) == ([], NOW)
    world.now += 1
    world.run()
    assert world.read == ["small-chat", "small-vectors"]
    assert world.checked == NOW + DAY_SECONDS


@pytest.mark.parametrize(("returncode", "expected"), [(4, "fail"), (1, "unknown")])
def test_what_is_not_whole_is_looked_at_again_after_an_hour(world: World, returncode: int, expected: str) -> None:
    world.returncode = returncode
    assert world.run() == {expected}
    assert outcome(world.file.read_text(), "weights_digest") == {expected}
    world.now += HOUR_SECONDS - 1
    world.run()
    assert world.read == []
    world.now, world.returncode = world.now + 1, 0
    assert world.run() == {"ok"}
    assert outcome(world.file.read_text(), "weights_digest") == {"ok"}


def test_another_digest_another_clock_and_a_wish_are_looked_at_at_once(world: World) -> None:
    world.run()
    world.run(NodeSettings("gpu1", {**SETTINGS.models, "small-chat": "ef" * 32}, (), ()))
    assert world.read == ["small-chat"]
    world.now = NOW - 5
    world.run()
    assert world.read == ["small-chat", "small-vectors"]
    world.run(all_now=True)
    assert world.read == ["small-chat", "small-vectors"]


def test_while_a_model_is_read_the_page_tells_of_the_others_and_does_not_know_it_yet(world: World) -> None:
    seen: list[dict[tuple[str, ...], float]] = []
    verify = world.verify

    def watching(models: dict[str, str]) -> Mapping[str, Any]:
        seen.append(samples(world.file.read_text(), "freehold_sovereignty_check"))
        return verify(models)

    Digests(world.file, SETTINGS, watching, lambda: NOW).run()
    assert seen[0]["weights_digest", "gpu1/small-chat", "weights", "unknown"] == 1
    assert seen[1]["weights_digest", "gpu1/small-chat", "weights", "ok"] == 1
    assert seen[1]["weights_digest", "gpu1/small-vectors", "weights", "unknown"] == 1


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"small-chat": 1}', '{"small-chat": {"at": "x"}}'])
def test_damaged_notes_are_no_notes(world: World, notes: str) -> None:
    world.run()
    world.file.with_suffix(".json").write_text(notes)
    assert world.run() == {"ok"}
    assert world.read == ["small-chat", "small-vectors"]


def test_a_model_that_is_gone_from_the_settings_is_gone_from_the_page(world: World) -> None:
    world.run()
    world.run(NodeSettings("gpu1", {"small-chat": "ab" * 32}, (), ()))
    rows = samples(world.file.read_text(), "freehold_sovereignty_check")
    assert {labels[1] for labels in rows} == {"gpu1/small-chat"}
