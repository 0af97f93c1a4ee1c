"""A node names each kind of hand edit, settles after a converge, and says no file's content."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable

import pytest
from tests.unit.drift.conftest import GATEWAY, UNIT, Node

from freehold.drift import BASELINE, DAMAGED, KINDS, MESH_KEY, UNFINISHED, metrics
from freehold.drift import node as command

SETTINGS = "/etc/freehold/gateway.json"
DROP_IN = f"{UNIT}.d/override.conf"
Edit = Callable[[Node], object]

EDITS: dict[str, tuple[Edit, str, str, str, str]] = {
    "content": (lambda n: n.write(SETTINGS, "hunter2"), "file", SETTINGS, "content sha256:", "content sha256:"),
    "mode": (lambda n: n.path(SETTINGS).chmod(0o666), "file", SETTINGS, "mode 0644", "mode 0666"),
    "removed": (lambda n: n.path(SETTINGS).unlink(), "file", SETTINGS, "a file", "absent"),
    "unit file": (lambda n: n.write(UNIT, "[Service]\n"), "unit", UNIT, "content sha256:", "content sha256:"),
    "drop-in": (lambda n: n.write(DROP_IN, "[Service]\n"), "unit", GATEWAY, "nothing beside it", f"with {DROP_IN}"),
    "stopped": (lambda n: n.active.update({GATEWAY: "failed"}), "unit", GATEWAY, "active", "failed"),
    "package": (
        lambda n: n.write("/var/lib/dpkg/status", "Package: curl\nStatus: install ok installed\nVersion: 9\n"),
        "package", "curl", "7.88.1-10", "9",
    ),
    "installed": (
        lambda n: n.write(
            "/var/lib/dpkg/status",
            n.path("/var/lib/dpkg/status").read_text().replace("deinstall ok config-files", "install ok installed"),
        ),
        "package", "gone", "absent", "1.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_a_hand_edit_is_named_and_raises_the_generation(gateway: Node, name: str) -> None:
    assert command.probe(gateway.machine) == {
        "baseline": True, "generation": 1, "kept": 1, "unfinished": False, "items": [], "mesh_key": "",
    }  # fmt: skip
    edit, kind, subject, wanted, found = EDITS[name]
    edit(gateway)
    answer = command.probe(gateway.machine)
    (item,) = answer["items"]
    assert answer["generation"] == 2
    assert (item["kind"], item["name"]) == (kind, subject)
    assert item["wanted"].startswith(wanted)
    assert item["found"].startswith(found)
    assert "hunter2" not in json.dumps(answer)


def test_masked_and_disabled_units_are_told(gateway: Node) -> None:
    gateway.path(f"/etc/systemd/system/multi-user.target.wants/{GATEWAY}").unlink()
    (item,) = command.probe(gateway.machine)["items"]
    assert (item["wanted"], item["found"]) == ("enabled", "disabled")
    gateway.path(UNIT).unlink()
    gateway.link(UNIT, "/dev/null")
    found = {item["name"]: item["found"] for item in command.probe(gateway.machine)["items"]}
    assert found == {GATEWAY: "masked", UNIT: "a link"}


def test_a_mask_on_a_unit_that_was_only_enabled_is_told(node: Node) -> None:
    node.link("/etc/systemd/system/sysinit.target.wants/clock.service", "/usr/lib/systemd/system/clock.service")
    node.keep(units={"clock.service": {"enabled": True}})
    assert command.probe(node.machine)["items"] == []
    node.link("/etc/systemd/system/clock.service", "/dev/null")
    (item,) = command.probe(node.machine)["items"]
    assert (item["wanted"], item["found"]) == ("not masked", "masked")


def test_a_digest_is_shown_too_short_to_guess_what_was_digested(gateway: Node) -> None:
    gateway.write(SETTINGS, "other")
    (item,) = command.probe(gateway.machine)["items"]
    assert item["found"] == "content sha256:" + hashlib.sha256(b"other").hexdigest()[:12]


def test_a_probe_settles_after_the_converge_that_took_its_generation(gateway: Node) -> None:
    gateway.write(SETTINGS, "other")
    raised = command.probe(gateway.machine)["generation"]
    gateway.write(SETTINGS, "{}\n")  # what the converge does
    gateway.keep(generation=raised)
    for _ in range(2):
        assert command.probe(gateway.machine)["generation"] == raised == 2


def test_a_run_that_was_cut_off_raises_the_generation_too(gateway: Node) -> None:
    gateway.write(UNFINISHED, "")
    answer = command.probe(gateway.machine)
    assert (answer["generation"], answer["unfinished"], answer["items"]) == (2, True, [])


def test_the_public_half_of_the_wireguard_key_is_told(gateway: Node) -> None:
    gateway.write(MESH_KEY, "private\n")
    gateway.public_key = "public\n"
    answer = command.probe(gateway.machine)
    assert answer["mesh_key"] == "public"
    assert "private" not in json.dumps(answer)


def test_a_key_that_wg_cannot_read_is_none(gateway: Node) -> None:
    gateway.write(MESH_KEY, "x\n")
    assert command.probe(gateway.machine)["mesh_key"] == ""


def test_a_node_without_a_baseline_says_so(node: Node) -> None:
    answer = command.probe(node.machine)
    assert (answer["baseline"], answer["generation"], answer["items"]) == (False, 0, [])


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 9}', '{"schema": 1}'])
def test_a_damaged_baseline_is_drift_itself(gateway: Node, text: str) -> None:
    gateway.write(BASELINE, text)
    (item,) = command.probe(gateway.machine)["items"]
    assert (item["name"], item["found"]) == (BASELINE, "damaged")


def test_the_baseline_is_written_once_and_for_root_alone(gateway: Node) -> None:
    shutil.rmtree(gateway.path(BASELINE).parent)
    told = {"files": {}, "units": {}, "packages": {"curl": True}, "accounts": [], "removed": [], "retired": []}

    def write(*options: str) -> dict[str, object]:
        return command.write_baseline(gateway.machine, list(options), io.StringIO(json.dumps(told)))

    assert write("--generation=3") == {"changed": True, "generation": 3}
    assert gateway.path(BASELINE).stat().st_mode & 0o777 == 0o600
    assert write("--generation=") == {"changed": False, "generation": 3}
    assert write("--part") == {"changed": False, "generation": 3}


def test_metrics_have_every_kind_and_can_be_read_by_another_user(gateway: Node) -> None:
    gateway.write(SETTINGS, "other")
    file = gateway.path("/metrics/drift.prom")
    file.parent.mkdir()
    assert command.metrics(gateway.machine, file) == {"items": 1}
    page = file.read_text()
    assert 'freehold_drift_items{kind="file"} 1\n' in page
    assert page.count("freehold_drift_items{") == len(KINDS)
    assert "freehold_drift_generation 1\n" in page
    assert "freehold_drift_baseline 1\n" in page
    assert "freehold_drift_unfinished 0\n" in page
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("words", [[], ["probe", "x"], ["baseline", "--all"], ["metrics"]])
def test_other_words_are_a_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(words) == 2
    assert "usage" in capsys.readouterr().err


def test_a_damaged_baseline_is_told_apart_from_a_first_generation() -> None:
    first = {"baseline": True, "generation": 0, "kept": 0, "unfinished": False, "items": []}
    assert "freehold_drift_baseline 1\n" in metrics.render(first, 0.0)
    assert "freehold_drift_baseline 0\n" in metrics.render({**first, "items": [DAMAGED]}, 0.0)
