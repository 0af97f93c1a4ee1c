"""The first sovereignty checks: pure functions from what was read on a node to what it means.

==========================  ==========================================================================================
``weights_digest``          every model's files on the node's disk are the ones of the manifest that the owner pinned
``no_route_out``            the node has no default route, and an attempt to connect to the internet fails
``no_third_party_host``     no configuration on the node names a host that is not the owner's
``phone_home_switches``     every running unit carries the switches that keep its program from calling home
==========================  ==========================================================================================

The facts are those of :mod:`freehold.status.node_facts`. A reading that failed is ``unknown``, never ``ok``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from freehold.sovereignty.result import CheckResult, Outcome
from freehold.sovereignty.third_party import named_hosts, third_party

Facts = Mapping[str, Any]

# What the kernel answers when there is nowhere to send a packet: the strongest proof, since nothing was sent at all.
NO_WAY_OUT = {"ENETUNREACH", "EHOSTUNREACH"}
SHOWN_HOSTS = 5
GATEWAY_SETTINGS = "/etc/freehold/gateway.json"
OWN_SETTINGS = "/etc/freehold/sovereignty.json"


def _unread(facts: Any) -> str | None:
    if not isinstance(facts, Mapping):
        return None
    error = facts.get("error")
    return str(error) if error else None


def weights_digest(node: str, facts: Facts, models: Collection[str], at: str) -> list[CheckResult]:
    """One result for each model of the fleet on this node."""
    return [_weights_digest(f"{node}/{model}", facts["weights"].get(model), at) for model in models]


def _weights_digest(subject: str, reading: Any, at: str) -> CheckResult:
    check = "weights_digest"
    if reading is None or _unread(reading):
        return CheckResult(check, subject, Outcome.UNKNOWN, f"not read: {_unread(reading or {})}", at)
    evidence = {"answer": reading["answer"]}
    if reading["returncode"] == 0:
        return CheckResult(check, subject, Outcome.OK, "every file has the digest of its manifest", at, evidence)
    if reading["returncode"] == 4:  # noqa: PLR2004  IntegrityError.exit_code
        return CheckResult(check, subject, Outcome.FAIL, "a file is not the one of its manifest", at, evidence)
    return CheckResult(check, subject, Outcome.UNKNOWN, f"could not verify: {reading['stderr'].strip()}", at, evidence)


def no_route_out(node: str, facts: Facts, at: str) -> CheckResult:
    """Judge the attempts to leave and the default routes together: both must say no."""
    check, routes, probes = "no_route_out", facts["routes"], facts["probes"]
    failed = [str(_unread(reading)) for reading in (routes, *probes.values()) if _unread(reading)]
    evidence = {"default_routes": routes, "attempts": probes}
    left = [target for target, reading in probes.items() if reading.get("connected")]
    if left:
        return CheckResult(check, node, Outcome.FAIL, f"reached {', '.join(left)}", at, evidence)
    if failed:
        return CheckResult(check, node, Outcome.UNKNOWN, f"not read: {'; '.join(failed)}", at, evidence)
    if routes:
        return CheckResult(check, node, Outcome.FAIL, f"has a default route: {routes[0]}", at, evidence)
    if not probes:
        return CheckResult(check, node, Outcome.UNKNOWN, "no probe target is set, so nothing was tried", at, evidence)
    silent = [target for target, reading in probes.items() if reading["errno"] not in NO_WAY_OUT]
    how = f"no answer from {', '.join(silent)}" if silent else "the kernel has nowhere to send it"
    return CheckResult(check, node, Outcome.OK, f"{len(probes)} attempt(s) to leave failed: {how}", at, evidence)


def no_third_party_host(
    node: str,
    facts: Facts,
    own: Collection[str],
    at: str,
    *,
    exceptions: Collection[str] = (),
    probed: Collection[str] = (),
) -> CheckResult:
    """``own`` are the names, addresses and networks of the owner; any other host in a rendered configuration fails.

    ``exceptions`` are the hosts of frontier providers that the owner declared: the gateway's settings, and no other
    file, may name them. Without them the endpoint is the same. ``probed`` are those that :func:`no_route_out` tries to
    reach and must not: the checks' own settings, and no other file, may name them.
    """
    check, files = "no_third_party_host", facts["configuration"]
    if _unread(files):
        return CheckResult(check, node, Outcome.UNKNOWN, f"not read: {_unread(files)}", at)
    named = [named for file, text in files.items() for named in third_party(named_hosts(file, text), own)]
    named = [one for one in named if one.file != OWN_SETTINGS or one.host not in probed]
    found = [one for one in named if one.file != GATEWAY_SETTINGS or one.host not in exceptions]
    declared = sorted({one.host for one in named} - {one.host for one in found})
    evidence = {"files_read": len(files), "hosts": [f"{one.file}:{one.line} {one.host}" for one in found]}
    evidence |= {"by_exception": declared}
    if not files:
        return CheckResult(check, node, Outcome.UNKNOWN, "no configuration was found to read", at, evidence)
    if found:
        shown = ", ".join(sorted({one.host for one in found})[:SHOWN_HOSTS])
        return CheckResult(check, node, Outcome.FAIL, f"names {shown}", at, evidence)
    said = f"{len(files)} files name only the owner's hosts"
    said += f", and by declared exception {', '.join(declared)}" if declared else ""
    return CheckResult(check, node, Outcome.OK, said, at, evidence)


def phone_home_switches(node: str, facts: Facts, switches: Mapping[str, Mapping[str, str]], at: str) -> CheckResult:
    """``switches``: unit name pattern without suffix → the environment that the unit must carry, exactly."""
    check, units = "phone_home_switches", facts["units"]
    if _unread(units):
        return CheckResult(check, node, Outcome.UNKNOWN, f"not read: {_unread(units)}", at)
    judged = {
        name: _missing(unit, switches[_family(name)]) for name, unit in units.items() if _family(name) in switches
    }
    missing = {name: gaps for name, gaps in judged.items() if gaps}
    evidence = {"units": sorted(judged), "missing": missing}
    if not judged:
        return CheckResult(check, node, Outcome.UNKNOWN, "none of the units that need switches was found", at, evidence)
    if missing:
        name, gaps = next(iter(missing.items()))
        return CheckResult(check, node, Outcome.FAIL, f"{name} lacks {', '.join(gaps)}", at, evidence)
    return CheckResult(check, node, Outcome.OK, f"{len(judged)} unit(s) carry every switch", at, evidence)


def _family(unit: str) -> str:
    return unit.removesuffix(".service").split("@", 1)[0]


def _missing(unit: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    carried = set(unit.get("Environment", "").split())
    return [f"{name}={value}" for name, value in wanted.items() if f"{name}={value}" not in carried]
