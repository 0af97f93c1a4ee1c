"""Each check looks, can say no, and says "unknown" when it could not look."""

from typing import Any

import pytest

from freehold.sovereignty import checks
from freehold.sovereignty.result import CheckResult, Outcome, Verdict, verdict

AT = "2026-11-21T12:00:00+00:00"
UNREACHABLE = {"connected": False, "errno": "ENETUNREACH"}


def facts(**changed: Any) -> dict[str, Any]:
    healthy: dict[str, Any] = {
        "routes": [],
        "probes": {"203.0.113.10:443": UNREACHABLE},
        "configuration": {"/etc/freehold/gateway.json": '{"url": "http://127.0.0.1:18000"}'},
        "units": {"freehold-runtime@a.service": {"Environment": "DO_NOT_TRACK=1 HF_HUB_OFFLINE=1"}},
        "weights": {"a": {"returncode": 0, "answer": {}, "stderr": ""}},
    }
    return healthy | changed


def test_a_node_with_no_route_is_ok_and_the_attempt_is_the_evidence() -> None:
    result = checks.no_route_out("gpu1", facts(), AT)
    assert result.outcome is Outcome.OK
    assert result.evidence["attempts"] == {"203.0.113.10:443": UNREACHABLE}


@pytest.mark.parametrize(
    "changed",
    [
        {"routes": ["default via 10.84.0.100 dev lan0"]},
        {"probes": {"203.0.113.10:443": {"connected": True, "errno": None}}},
        {"probes": {"203.0.113.10:443": {"connected": True, "errno": "ECONNREFUSED"}}},
    ],
)
def test_a_route_or_an_answer_from_outside_fails(changed: dict[str, Any]) -> None:
    assert checks.no_route_out("gpu1", facts(**changed), AT).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "changed", [{"probes": {}}, {"routes": {"error": "no ip"}}, {"probes": {"x:1": {"error": "e"}}}]
)
def test_an_attempt_that_was_not_made_is_unknown(changed: dict[str, Any]) -> None:
    assert checks.no_route_out("gpu1", facts(**changed), AT).outcome is Outcome.UNKNOWN


def test_an_attempt_that_got_out_fails_even_if_another_could_not_be_read() -> None:
    probes = {"a:1": {"error": "e"}, "b:1": {"connected": True, "errno": None}}
    assert checks.no_route_out("gpu1", facts(probes=probes), AT).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ({"returncode": 0, "answer": {}, "stderr": ""}, Outcome.OK),
        ({"returncode": 4, "answer": {}, "stderr": "WEIGHTS_DIGEST"}, Outcome.FAIL),
        ({"returncode": 1, "answer": None, "stderr": "no such command"}, Outcome.UNKNOWN),
        ({"error": "gone"}, Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
    ],
)
def test_weights_are_ok_only_when_they_were_hashed(reading: Any, expected: Outcome) -> None:
    (result,) = checks.weights_digest("gpu1", facts(weights={"a": reading}), ["a"], AT)
    assert (result.subject, result.outcome) == ("gpu1/a", expected)


def test_configuration_that_names_only_the_owners_hosts_is_ok() -> None:
    texts = {"/etc/freehold/a.json": '"http://10.84.0.11:8080"', "/etc/resolv.conf": "# nothing"}
    result = checks.no_third_party_host("gpu1", facts(configuration=texts), {"10.84.0.11"}, AT)
    assert result.outcome is Outcome.OK


@pytest.mark.parametrize(
    "line",
    [
        '"url": "https://api.example-vendor.com/v1"',
        "nameserver 198.51.100.53",
        "NTP=0.pool.example.org",
        "URIs: http://mirror.somewhere.example-cdn.net/debian",
        'proxy = "http://user@telemetry.example.io:3128"',
        "nameserver 2001:db8::53",
        "NTP=ntp.time.nl",
        "FallbackNTP=time.example.museum",
        "peer = 2001:db8:1::7",
        "Environment=OTEL_EXPORTER_OTLP_ENDPOINT=http://[2001:db8::7]:4317",
    ],
)
def test_a_third_partys_host_in_any_configuration_fails_and_is_named(line: str) -> None:
    result = checks.no_third_party_host("gpu1", facts(configuration={"/etc/x": f"a = 1\n{line}\n"}), {"10.84.0.11"}, AT)
    assert result.outcome is Outcome.FAIL
    assert result.evidence["hosts"][0].startswith("/etc/x:2 ")


@pytest.mark.parametrize(
    ("file", "outcome"), [("/etc/freehold/gateway.json", Outcome.OK), ("/etc/freehold/drift.json", Outcome.FAIL)]
)
def test_a_declared_provider_may_be_named_by_the_gateways_settings_alone(file: str, outcome: Outcome) -> None:
    texts = {file: '"url": "https://api.example-vendor.com/v1"'}
    allowed = {"api.example-vendor.com"}
    result = checks.no_third_party_host("gpu1", facts(configuration=texts), set(), AT, exceptions=allowed)
    assert result.outcome is outcome
    assert "api.example-vendor.com" in result.summary
    assert checks.no_third_party_host("gpu1", facts(configuration=texts), set(), AT).outcome is Outcome.FAIL


def test_no_configuration_read_is_unknown() -> None:
    assert checks.no_third_party_host("gpu1", facts(configuration={}), set(), AT).outcome is Outcome.UNKNOWN


def test_file_names_versions_and_private_names_are_no_third_party_hosts() -> None:
    times = "at 12:30:45 from aa:bb:cc:dd:ee:ff\nNTP=\nDNS=127.0.0.1 ::1\n"
    text = times + "exec /opt/a/libnvidia-ml.so.1 main.py v1.2.3\nserver = vault.internal\nurl = http://gpu1:8080/\n"
    result = checks.no_third_party_host("gpu1", facts(configuration={"/etc/x": text}), set(), AT)
    assert result.evidence["hosts"] == []


def test_switches_must_have_their_exact_value() -> None:
    wanted = {"freehold-runtime": {"DO_NOT_TRACK": "1"}}
    assert checks.phone_home_switches("gpu1", facts(), wanted, AT).outcome is Outcome.OK
    units = {"freehold-runtime@a.service": {"Environment": "DO_NOT_TRACK=true"}}
    result = checks.phone_home_switches("gpu1", facts(units=units), wanted, AT)
    assert (result.outcome, result.evidence["missing"]) == (
        Outcome.FAIL,
        {"freehold-runtime@a.service": ["DO_NOT_TRACK=1"]},
    )


def test_switches_of_no_unit_are_unknown() -> None:
    assert checks.phone_home_switches("gpu1", facts(units={}), {"freehold-runtime": {}}, AT).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([Outcome.OK, Outcome.NOT_APPLICABLE], Verdict.SOVEREIGN),
        ([Outcome.OK, Outcome.UNKNOWN], Verdict.UNKNOWN),
        ([Outcome.OK, Outcome.UNKNOWN, Outcome.FAIL], Verdict.NOT_SOVEREIGN),
        ([Outcome.NOT_APPLICABLE], Verdict.UNKNOWN),
        ([], Verdict.UNKNOWN),
    ],
)
def test_the_verdict_needs_every_check_to_have_looked(outcomes: list[Outcome], expected: Verdict) -> None:
    assert verdict(CheckResult("c", "s", outcome, "", AT) for outcome in outcomes) is expected
