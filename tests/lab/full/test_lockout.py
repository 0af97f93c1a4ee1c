"""A firewall that locks the operator out takes itself back; one that was cut off is tried again."""

import time

from tests.lab.world import Document

from freehold.paths import PROJECT
from freehold.process import Completed, run
from freehold.status import gather
from freehold.status.gather import Access

UNDO_SECONDS = 20


def firewall(host: str, *settings: str) -> Completed:
    """The role alone, on one node, by Ansible's own command."""
    words = [str(PROJECT / ".venv/bin/ansible"), host, "-i", "inventory/lab", "--playbook-dir", "playbooks", "--become"]
    given = [word for setting in settings for word in ("-e", setting)]
    return run([*words, "-m", "include_role", "-a", "name=firewall", *given], cwd=PROJECT, check=False, timeout=300)


def test_rules_without_a_way_back_in_last_a_minute_at_most(document: Document, access: Access) -> None:
    """SSH is declared on a port where nobody listens: the run fails, the node has the rules of before by itself."""
    host = document["hosts"][-1]
    ssh = [*gather.ssh_command(host, access), "sudo", "-n"]
    begun = time.monotonic()
    failed = firewall(host["name"], "firewall_ssh_port=23", f"firewall_undo_seconds={UNDO_SECONDS}")
    assert failed.returncode != 0, failed.stdout
    try:
        while run([*ssh, "true"], check=False, timeout=30).returncode != 0:
            assert time.monotonic() - begun < 6 * UNDO_SECONDS
        said = run([*ssh, "journalctl", "--quiet", "--unit=fh-firewall-undo", "--output=cat"]).stdout
        assert "FIREWALL_UNDONE" in said
        assert "tcp dport 23" not in run([*ssh, "nft", "list", "table", "inet", "freehold_input"]).stdout
        assert "tcp dport 23" not in run([*ssh, "cat", "/etc/freehold/firewall/freehold_input.nft"]).stdout
    finally:
        mended = firewall(host["name"])
    assert mended.returncode == 0, mended.stdout
    assert run([*ssh, "systemctl", "is-enabled", "fh-firewall"]).stdout.strip() == "enabled"
    assert run([*ssh, "sh", "/usr/local/lib/freehold/firewall.sh", "compare"]).stdout.strip() == "same"


def test_a_run_after_one_that_was_cut_off_confirms_the_rules(document: Document, access: Access) -> None:
    """The first one died between loading the rules and getting in; its clock must not open the node later."""
    host = document["hosts"][-1]
    ssh = [*gather.ssh_command(host, access), "sudo", "-n"]
    for verb in ("arm", "try"):
        run([*ssh, "sh", "/usr/local/lib/freehold/firewall.sh", verb])
    ended = firewall(host["name"])
    assert ended.returncode == 0, ended.stdout
    assert run([*ssh, "systemctl", "is-active", "fh-firewall-undo.timer"], check=False).stdout.strip() == "inactive"
    assert run([*ssh, "sh", "/usr/local/lib/freehold/firewall.sh", "compare"]).stdout.strip() == "same"
