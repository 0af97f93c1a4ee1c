from __future__ import annotations

import json
import os
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.unit.lab.conftest import World

from freehold.errors import LockedError, PartialError, RefusedError
from freehold.lab import clients, down, lock, network, traces
from freehold.lab.traces import Trace
from freehold.lab.world import MARKER, claim_folder

CONNECTED = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100530A:D431 0B00530A:0016 01 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:D431 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
"""


def quiet(line: str) -> None:
    del line


@pytest.fixture(autouse=True)
def _no_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep every look at the real machine out: an empty /proc, no systemd, no nspawn."""
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(traces, "PROC", tmp_path / "proc")
    monkeypatch.setattr(traces, "SYSTEMD_RUNNING", tmp_path / "no-systemd")
    monkeypatch.setattr(traces.nspawn_folders, "__defaults__", (tmp_path / "nspawn",))
    monkeypatch.setattr(traces.sockets, "__defaults__", (tmp_path / "wireguard",))
    monkeypatch.setattr(network.look, "__defaults__", (tmp_path / "netns",))


def put_process(proc: Path, pid: int, *, parent: int = 1, name: str = "python", setting: str = "") -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n", encoding="ascii")
    (folder / "stat").write_text(f"{pid} (odd) name)) S {parent} 1 1", encoding="ascii")
    (folder / "environ").write_bytes(f"HOME=/root\0{setting}\0".encode())


def test_a_raised_lab_is_removed_and_every_part_is_told(world: World, tmp_path: Path) -> None:
    (world.lab.hierarchies.unified / "freehold-lab-gpu1/payload").mkdir(parents=True)
    (world.lab.paths.nodes / "gpu1").mkdir(parents=True)
    (tmp_path / "nspawn/propagate/freehold-lab-gpu1").mkdir(parents=True)
    removed = down.take_down(world.lab, quiet)
    assert [trace.kind for trace in removed] == ["cgroup", "folder", "folder"]
    assert traces.leftovers(world.lab) == []
    assert down.take_down(world.lab, quiet) == []


def test_interfaces_and_namespaces_are_found_by_prefix_alone(world: World, tmp_path: Path) -> None:
    links: list[dict[str, object]] = [
        {"ifname": name, "addr_info": []} for name in ("lo", "eth0", "fhl-mgmt", "fh2-mgmt")
    ]
    world.runner.answers["ip -json address show"] = json.dumps(links)
    for name in ("fhl-gpu1", "fh2-gpu1", "other"):
        (tmp_path / "netns").mkdir(exist_ok=True)
        (tmp_path / "netns" / name).touch()
    assert list(traces.interfaces(world.lab)) == [Trace("interface", "fhl-mgmt")]
    assert list(traces.namespaces(world.lab)) == [Trace("namespace", "fhl-gpu1")]


def test_the_socket_of_a_killed_wireguard_goes_and_a_foreign_one_stays(world: World, tmp_path: Path) -> None:
    ours, foreign = tmp_path / "wireguard/fhl-mesh.sock", tmp_path / "wireguard/wg0.sock"
    ours.parent.mkdir()
    for one in (ours, foreign):
        one.touch()
    removed = down.take_down(world.lab, quiet)
    assert f"socket {ours}" in [str(trace) for trace in removed]
    assert (ours.exists(), foreign.exists()) == (False, True)


def test_what_stays_is_told_and_the_exit_code_says_partial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(down, "END_LIMIT_SECONDS", 0.0)
    world.runner.answers["ip -json address show"] = json.dumps([{"ifname": "fhl-mgmt", "addr_info": []}])
    with pytest.raises(PartialError, match="interface fhl-mgmt") as caught:
        down.take_down(world.lab, quiet)
    assert "ip link delete fhl-mgmt" in world.runner.asked
    assert caught.value.exit_code == 5


def test_nothing_is_deleted_while_something_is_mounted_below(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = world.lab.paths.nodes / "gpu1/root/keep"
    keep.mkdir(parents=True)
    monkeypatch.setattr(traces, "mounted", lambda _: iter([Trace("mount", str(keep.parent))]))
    with pytest.raises(PartialError, match="LAB_TRACES_LEFT"):
        down.take_down(world.lab, quiet)
    assert keep.is_dir()


def test_a_folder_that_no_lab_made_is_not_deleted(world: World) -> None:
    (world.lab.paths.root / MARKER).unlink()
    (world.lab.paths.root / "thesis.tex").touch()
    with pytest.raises(RefusedError, match="LAB_FOREIGN_FOLDER"):
        down.take_down(world.lab, quiet)
    claim_folder(world.lab.paths.root)
    down.take_down(world.lab, quiet)
    assert not world.lab.paths.root.exists()


def test_what_a_killed_run_started_is_found_by_its_environment(world: World, tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    put_process(proc, 50, setting=f"{lock.RUN_VARIABLE}={world.lab.paths.root}")
    put_process(proc, 51, setting=f"{lock.RUN_VARIABLE}=/another/lab")
    assert list(traces.processes(world.lab)) == [Trace("process", "50", "python")]


def test_a_command_does_not_count_itself_nor_what_called_it(world: World, tmp_path: Path) -> None:
    setting = f"{lock.RUN_VARIABLE}={world.lab.paths.root}"
    put_process(tmp_path / "proc", os.getpid(), parent=60, setting=setting)
    put_process(tmp_path / "proc", 60, parent=1, setting=setting)
    assert list(traces.processes(world.lab)) == []


def test_an_ssh_client_of_a_node_is_found_and_any_other_program_is_left(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    (proc / "net").mkdir()
    (proc / "net/tcp").write_text(CONNECTED, encoding="ascii")
    for pid, name, inode in ((70, "ssh", 4711), (71, "ssh", 4712), (72, "firefox", 4711)):
        put_process(proc, pid, name=name)
        (proc / str(pid) / "fd/3").symlink_to(f"socket:[{inode}]")
    assert clients.ssh_clients(proc, (IPv4Network("10.83.0.0/24"),)) == {70}


def test_the_lock_names_its_holder_and_goes_without_a_trace(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with lock.lab_lock(folder):
        assert os.environ[lock.RUN_VARIABLE] == str(folder)
        with pytest.raises(LockedError, match=str(os.getpid())), lock.lab_lock(folder):
            pass
    with lock.lab_lock(folder):
        assert list(folder.iterdir()) == []
    assert lock.RUN_VARIABLE not in os.environ


def test_an_unknown_holder_is_a_question_mark() -> None:
    assert lock.holder(7, "1: FLOCK  ADVISORY  WRITE 41 fe:00:6 0 EOF\n") == "?"
    assert lock.holder(7, "1: FLOCK  ADVISORY  WRITE 41 fe:00:7 0 EOF\n") == "41"
