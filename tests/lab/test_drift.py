"""A hand edit of each kind is named by `freehold drift`; `pulumi up` undoes it and nothing else, and settles."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.world import Document

from freehold.drift import probe
from freehold.paths import lab_paths

UNITS = "/etc/systemd/system"
DROP_IN = f"{UNITS}/freehold-embedding.service.d/hand.conf"
RP_FILTER = "net.ipv4.conf.all.rp_filter"
OTHER_CURL = r"""
set -eu
mkdir -p /var/tmp/curl/DEBIAN
cat > /var/tmp/curl/DEBIAN/control << END
Package: curl
Version: 999
Architecture: all
Maintainer: a hand
Description: another version
END
dpkg-deb --build /var/tmp/curl > /dev/null
dpkg --install /var/tmp/curl.deb > /dev/null 2>&1
rm -r /var/tmp/curl /var/tmp/curl.deb
"""

# Each edit, and the words that an administrator in a hurry would use.
EDITS: dict[tuple[str, str], str] = {
    ("unit", f"{UNITS}/freehold-gpu-exporter.service"): (
        f"sed -i '/^User=/a Environment=BY_HAND=1' {UNITS}/freehold-gpu-exporter.service"
    ),
    ("unit", "freehold-embedding.service"): (
        f"mkdir -p {DROP_IN.rpartition('/')[0]} && printf '[Service]\\nEnvironment=BY_HAND=1\\n' > {DROP_IN} "
        "&& systemctl daemon-reload && systemctl restart freehold-embedding"
    ),
    ("unit", "prometheus-node-exporter.service"): "systemctl disable --now prometheus-node-exporter",
    ("unit", "systemd-timesyncd.service"): "systemctl mask systemd-timesyncd",
    ("file", "/etc/freehold/gateway.json"): "echo >> /etc/freehold/gateway.json",
    ("file", "/etc/apt/apt.conf.d/90freehold"): "chmod 0666 /etc/apt/apt.conf.d/90freehold",
    ("package", "curl"): OTHER_CURL,
    ("package", "ca-certificates"): "dpkg --remove --force-depends ca-certificates > /dev/null 2>&1",
    ("package", "nftables"): "apt-mark hold nftables",
    ("sysctl", RP_FILTER): f"echo 0 > /proc/sys/{RP_FILTER.replace('.', '/')}",
    ("firewall", "inet freehold_input chain input"): "nft add rule inet freehold_input input tcp dport 4444 accept",
    ("user", "user freehold-exporter"): "usermod --shell /bin/bash freehold-exporter",
}

# The tasks that put back, and their handlers; nothing else may report a change.
EXPECTED = {
    "drift : Restore | what no task of a role would put back",
    "base : Configure | apt, journal, resolver and clock",
    "firewall : Load | a clock that takes them back, unless it is stopped",
    "firewall : Load | the rules, in one transaction",
    "gpu_exporter : Install | the service's user",
    "gpu_exporter : Configure | the unit",
    "gpu_exporter : Restart GPU exporter",
    "gateway : Configure | the settings and the unit",
    "gateway : Restart gateway",
    "node_exporter : Service | it runs, and does after a reboot",
}

Probe = Callable[[], probe.Probe]
Pulumi = Callable[..., str]
UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
PREVIEW = ("preview", "--non-interactive", "--color", "never")


@pytest.fixture(scope="module")
def look(document: Document, first_host: Document) -> Probe:
    """Probe the first node, as `pulumi preview` does."""
    key, name = lab_paths().ssh / "id_ed25519", first_host["name"]
    return lambda: probe.run(document, key, hosts=[name])[name]


def changed(output: str) -> set[str]:
    """Names of the tasks and handlers that reported a change."""
    blocks = re.split(r"^(?:TASK|RUNNING HANDLER) \[(.*?)\] \*+$", output, flags=re.MULTILINE)[1:]
    marked = re.compile("^changed: ", re.MULTILINE)
    return {name for name, body in zip(blocks[::2], blocks[1::2], strict=True) if marked.search(body)}


def command(*words: str) -> tuple[int, Any]:
    program = Path(sys.executable).with_name("freehold")
    done = subprocess.run([program, "drift", "--json", *words], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def edited(node: Host, look: Probe, pulumi: Pulumi) -> Iterator[probe.Probe]:
    """The node with all edits; yields what it said before. Whatever a test finds, a converge ends it."""
    before = look()
    if not before.clean:
        pulumi(*UP)
        before = look()
    assert before.clean, before
    for words in EDITS.values():
        node.check_output(words)
    yield before
    if not look().clean:
        pulumi(*UP)


def test_every_edit_is_named_and_nothing_else(edited: probe.Probe, look: Probe, first_host: Document) -> None:
    code, answer = command("--host", first_host["name"])
    items = answer["hosts"][first_host["name"]]["items"]
    assert {(item["kind"], item["name"]) for item in items} == set(EDITS)
    assert code == 5
    assert look().generation == edited.generation + 1 == look().generation


def test_the_node_exports_it_by_itself(edited: probe.Probe, node: Host) -> None:
    assert edited.clean
    node.check_output("systemctl start freehold-drift.service")
    page = node.check_output("cat /var/lib/freehold/textfile/drift/drift.prom")
    counts = dict(re.findall(r'freehold_drift_items\{kind="(\w+)"\} (\d+)', page))
    assert {kind: int(count) for kind, count in counts.items()} == {
        kind: sum(kind == edit[0] for edit in EDITS) for kind in counts
    }


def test_a_preview_names_every_edit(edited: probe.Probe, pulumi: Pulumi) -> None:
    assert edited.clean
    said = pulumi(*PREVIEW)
    assert [name for kind, name in EDITS if f"drift: {kind} {name}" not in said] == []


def test_one_up_puts_back_each_edit_and_only_that(
    edited: probe.Probe, node: Host, look: Probe, first_host: Document, pulumi: Pulumi
) -> None:
    runtime = "systemctl show --property InvocationID 'freehold-runtime@*'"
    untouched = node.check_output(runtime)
    pulumi(*UP)
    log = lab_paths().logs / f"converge-{first_host['name']}.log"
    assert changed(log.read_text(encoding="utf-8")) == EXPECTED
    assert node.check_output(runtime) == untouched
    shown = node.check_output("systemctl show --property Environment freehold-embedding freehold-gpu-exporter")
    assert "BY_HAND" not in shown
    assert "BY_HAND" in node.check_output(f"cat /var/backups/freehold/drift{DROP_IN}")
    assert node.check_output("curl --version").startswith("curl 7.")
    for _ in range(2):
        found = look()
        assert found.clean, found
        assert found.generation == edited.generation + 1
    assert command("--host", first_host["name"])[0] == 0


def test_after_that_nothing_is_left_to_do(pulumi: Pulumi) -> None:
    """The generation settled: what the probe says is what the state has."""
    said = pulumi(*PREVIEW)
    assert "drift:" not in said
    assert not re.search(r"\d+ to (create|update|replace|delete)", said), said


def test_the_exporter_shows_the_metrics(node: Host) -> None:
    node.check_output("systemctl start freehold-drift.service")
    page = node.check_output("curl -s http://127.0.0.1:9100/metrics")
    assert 'freehold_drift_items{kind="unit"} 0' in page
    assert "node_textfile_scrape_error 0" in page
