from pathlib import Path
from typing import Any

import pytest

from freehold.errors import PartialError, RefusedError, UsageError
from freehold.fleet.playbook_run import Ended
from freehold.keys import ledger, renewal, revocation, rotation, timer
from freehold.keys.files import KeysFolder
from freehold.keys.renewal import Outcome, Renewal
from freehold.keys.roots import RootKey
from freehold.mesh import control
from freehold.process import Completed

from .conftest import Clock


def counts(**changed: int) -> dict[str, int]:
    return {"ok": 5, "changed": 0, "failures": 0, "unreachable": 0, "done": True} | changed


@pytest.fixture
def wanted(folder: KeysFolder, tmp_path: Path) -> Renewal:
    names = ("gpu1", "gpu2", "gpu3", "gpu4")
    document = {
        "site": {"name": "lab"},
        "hosts": [{"name": name, "maintenance": name == "gpu4"} for name in names],
        "keys": {"folder": str(folder.path)},
        "mesh": {"control": {"address": "10.85.0.1"}},
    }
    return Renewal(document, tmp_path / "fleet.json", tmp_path)


def test_every_node_is_told_apart_and_who_was_not_reached_is_an_error(wanted: Renewal, clock: Clock) -> None:
    asked: list[Any] = []

    def run(words: list[str], *_: object, **__: object) -> Ended:
        asked.extend(words)
        hosts = {"gpu1": counts(changed=1), "gpu2": counts(failures=1, done=False), "gpu3": counts(unreachable=1)}
        return Ended(4, {"hosts": hosts, "failures": [{"host": "gpu2", "task": "t", "message": "KEYS_KEY_REVOKED"}]})

    outcomes = renewal.renew(wanted, run=run, now=clock)
    assert {one.name: one.outcome for one in outcomes} == {
        "gpu1": "changed",
        "gpu2": "failed",
        "gpu3": "unreachable",
        "gpu4": "maintenance",
        "control": "changed",
    }
    assert asked[asked.index("--limit") + 1] == "gpu1,gpu2,gpu3"
    with pytest.raises(PartialError) as partial:
        renewal.refuse_partial(outcomes)
    assert (partial.value.subject, partial.value.exit_code) == ("gpu2, gpu3", 5)
    assert "KEYS_KEY_REVOKED" in partial.value.found


def test_a_node_that_did_not_come_to_the_end_is_not_current(wanted: Renewal, clock: Clock) -> None:
    """Without a failure of its own: the run ended for another reason."""

    def run(*_: object, **__: object) -> Ended:
        hosts = {"gpu1": counts(), "gpu2": counts(done=False), "gpu3": counts(done=False)}
        return Ended(2, {"hosts": hosts, "failures": []})

    outcomes = renewal.renew(wanted, run=run, now=clock)
    assert [one.outcome for one in outcomes[:3]] == ["current", "failed", "failed"]


def test_the_control_host_renews_its_own_only_when_due(wanted: Renewal, clock: Clock) -> None:
    assert renewal.own(wanted.document, now=clock).outcome == "changed"
    assert renewal.own(wanted.document, now=clock).outcome == "current"
    clock.turn(days=61)
    assert renewal.own(wanted.document, now=clock).outcome == "changed"


def test_after_a_theft_this_host_gets_new_keys_of_every_kind(
    wanted: Renewal, folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    """The thief holds the old TLS key and the old WireGuard key; neither is of use to him afterwards."""
    renewal.own(wanted.document, now=clock)
    mesh_before = control.ensure_key(folder.path)
    tls_before = (folder.path / "control" / "tls.key").read_bytes()
    rotation.rotate(folder, "control", root, now=clock)
    assert control.ensure_key(folder.path) != mesh_before
    assert renewal.own(wanted.document, now=clock).outcome == "changed"
    assert (folder.path / "control" / "tls.key").read_bytes() != tls_before
    assert [one.uri for one in ledger.revoked(folder)] == ["freehold://lab/control"]


def test_an_error_of_this_hosts_own_certificate_hides_no_nodes_outcome(
    wanted: Renewal, folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    renewal.own(wanted.document, now=clock)
    rotation.revoke(folder, revocation.matching(folder, "control", clock), "stolen", root, now=clock)
    hosts = {name: counts() for name in ("gpu1", "gpu2", "gpu3")}
    outcomes = renewal.renew(wanted, run=lambda *_, **__: Ended(0, {"hosts": hosts, "failures": []}), now=clock)
    told = {one.name: one.outcome for one in outcomes}
    assert (told["gpu1"], told["control"]) == ("current", "failed")
    assert "freehold keys rotate control" in outcomes[-1].message


def test_an_unknown_host_is_a_mistake(wanted: Renewal) -> None:
    with pytest.raises(UsageError):
        Renewal(wanted.document, wanted.path, wanted.state, ("gpu9",)).visited  # noqa: B018  it raises


def test_a_run_that_never_began_says_where_to_look(wanted: Renewal, clock: Clock) -> None:
    with pytest.raises(PartialError) as partial:
        renewal.renew(wanted, run=lambda *_, **__: Ended(2, None), now=clock)
    assert "keys-renew.log" in partial.value.fix


def test_all_well_is_no_error() -> None:
    renewal.refuse_partial([Outcome("gpu1", "current"), Outcome("gpu2", "maintenance")])


def test_the_timer_is_installed_where_systemd_runs_and_goes_again(tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def runner(args: Any, **_: object) -> Completed:
        ran.append(list(args))
        return Completed(tuple(args), 0, "", "")

    by = timer.Operator("ops", Path("/home/ops"), Path("/home/ops/state"), Path("/home/ops/key"))
    files = timer.units(Path("/srv/fleet.json"), Path("/srv/pki"), Path("/srv/keys.prom"), Path("/opt/freehold"), by)
    with pytest.raises(RefusedError) as refusal:
        timer.install(files, runner=runner, folder=tmp_path, booted=tmp_path / "no systemd")
    assert refusal.value.code == "KEYS_NO_SYSTEMD"
    assert not ran
    metrics = tmp_path.parent / "textfile" / "keys" / "keys.prom"
    timer.install(files, metrics=metrics, runner=runner, folder=tmp_path, booted=tmp_path)
    assert metrics.parent.stat().st_mode & 0o777 == 0o755
    service = (tmp_path / f"{timer.NAME}.service").read_text()
    assert "keys renew --document /srv/fleet.json" in service
    assert "passphrase" not in service
    assert "\nUser=ops\n" in service
    assert '"FREEHOLD_STATE=/home/ops/state" "FREEHOLD_PRIVATE_KEY_FILE=/home/ops/key"' in service
    assert "Persistent=yes" in (tmp_path / f"{timer.NAME}.timer").read_text()
    assert ran[-1] == ["systemctl", "enable", "--now", f"{timer.NAME}.timer"]
    assert timer.remove(runner=runner, folder=tmp_path)
    assert not timer.remove(runner=runner, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_timer_works_for_whoever_called_sudo(tmp_path: Path) -> None:
    """The one user that every machine has besides root; its locks must be those of its runs by hand."""
    by = timer.operator("rack1", environ={"SUDO_USER": "daemon", "FREEHOLD_PRIVATE_KEY_FILE": str(tmp_path / "key")})
    assert (by.user, by.private_key) == ("daemon", tmp_path / "key")
    assert by.state == by.home / ".local" / "state" / "freehold" / "rack1"
    assert timer.operator("rack1", environ={"FREEHOLD_STATE": "/srv/state"}).state == Path("/srv/state")
    assert timer.operator("rack1", "root", environ={"SUDO_USER": "daemon"}).user == "root"
    with pytest.raises(UsageError):
        timer.operator("rack1", "nobody-of-that-name", environ={})
