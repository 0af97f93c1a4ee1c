from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.lab.conftest import World

from freehold.lab import node, nvml, raise_, reach, rootfs, seed
from freehold.lab.plan import numbered_plan
from freehold.process import run
from freehold.steps import UP_TO_DATE

LAB = numbered_plan(1)

needs_keys = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="openssh-client is not installed")
KEY = "ssh-ed25519 AAAAC3Nz operator"


def quiet(line: str) -> None:
    del line


def put_node(world: World, name: str) -> None:
    """A node whose disk holds a host key."""
    key = node.node_paths(world.lab.paths, name).root / f"{seed.HOST_KEY}.pub"
    key.parent.mkdir(parents=True)
    key.write_text(f"ssh-ed25519 AAAA{name} root@{name}\n", encoding="ascii")


def test_a_server_has_addresses_and_no_way_out() -> None:
    files = {file.path: file for file in seed.seed_files(LAB, "gpu2", KEY, "0" * 32)}
    networks = [file.text for path, file in files.items() if path.endswith(".network")]
    assert "Address=10.83.0.12/24" in networks[0]
    assert "Address=10.84.0.12/24" in networks[1]
    settings = [line.split("=")[0] for text in networks for line in text.splitlines() if not line.startswith("#")]
    assert not {"Gateway", "DNS", "Route"} & set(settings)
    assert files["etc/hostname"].text == "gpu2\n"
    assert files["root/.ssh/authorized_keys"].mode == 0o600


def test_ssh_gets_the_modes_that_it_insists_on(tmp_path: Path) -> None:
    seed.write_seed(tmp_path, seed.seed_files(LAB, "gpu1", KEY, "0" * 32))
    assert (tmp_path / "root/.ssh").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "root/.ssh/authorized_keys").read_text(encoding="ascii") == f"{KEY}\n"


def test_machine_ids_differ() -> None:
    one, other = seed.new_machine_id(), seed.new_machine_id()
    assert one != other
    assert len(one) == 32


@needs_keys
def test_a_key_is_made_once_and_its_public_line_carries_no_comment(tmp_path: Path) -> None:
    line = seed.ensure_key(run, tmp_path / "ssh/id_ed25519", "operator")
    assert line.split()[0] == "ssh-ed25519"
    assert len(line.split()) == 2
    assert seed.ensure_key(run, tmp_path / "ssh/id_ed25519", "operator") == line
    (tmp_path / "ssh/id_ed25519.pub").unlink()
    assert seed.ensure_key(run, tmp_path / "ssh/id_ed25519", "operator") != line


def test_new_hardware_replaces_the_library_and_keeps_the_state(tmp_path: Path) -> None:
    library, root = tmp_path / "lib.so", tmp_path / "root"
    (root / seed.NVML_LIBRARY).parent.mkdir(parents=True)
    library.write_bytes(b"one")
    seed.install_hardware(root, library, "gpus=8\n")
    (root / seed.NVML_STATE).write_text("gpus=7\n", encoding="ascii")
    library.write_bytes(b"two")
    seed.install_hardware(root, library, "gpus=8\n")
    assert (root / seed.NVML_LIBRARY).read_bytes() == b"two"
    assert (root / seed.NVML_STATE).read_text(encoding="ascii") == "gpus=7\n"
    assert [path.name for path in (root / seed.NVML_LIBRARY).parent.iterdir()] == ["libnvidia-ml.so.1"]


def test_nspawn_is_started_inside_the_nodes_network_and_without_a_name_at_systemd() -> None:
    command = node.boot_command(LAB, "gpu1", Path("/lab/root"), tun=True)
    enter, spawn = command.index("nsenter"), command.index("systemd-nspawn")
    assert enter < spawn
    assert "--net=/run/netns/fhl-gpu1" in command
    assert {"--machine=freehold-lab-gpu1", "--register=no", "--bind=/dev/net/tun"} <= set(command)
    assert "--bind=/dev/net/tun" not in node.boot_command(LAB, "gpu1", Path("/lab/root"), tun=False)


def test_nodes_come_by_number_with_the_key_from_their_disk(world: World) -> None:
    for name in ("gpu10", "gpu2"):
        put_node(world, name)
    (world.lab.paths.nodes / "gpu3").mkdir()  # cut off before its key was born
    world.launcher.on.add("freehold-lab-gpu2")
    found = raise_.nodes(world.lab)
    assert [(one.name, one.powered) for one in found] == [("gpu2", True), ("gpu10", False)]
    assert found[0].host_key == "ssh-ed25519 AAAAgpu2"


def test_a_node_that_is_off_is_still_known_by_its_disk(world: World) -> None:
    key = node.node_paths(world.lab.paths, "gpu1").upper / f"{seed.HOST_KEY}.pub"
    key.parent.mkdir(parents=True)
    key.write_text("ssh-ed25519 AAAA root@gpu1\n", encoding="ascii")
    assert [one.host_key for one in raise_.nodes(world.lab)] == ["ssh-ed25519 AAAA"]


@pytest.fixture
def raised(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the root file system and the library are ready, and the overlay is mounted."""
    (world.lab.paths.root / "base" / rootfs.archive_path(world.lab.cache).stem).mkdir(parents=True)
    library = world.lab.paths.root / "nvml/lib.so"
    library.parent.mkdir()
    library.write_bytes(b"library")
    monkeypatch.setattr(nvml, "build", lambda *_: library)
    monkeypatch.setattr(seed, "ensure_key", lambda *_: KEY)
    world.lab.paths.ssh.mkdir()
    for name in ("gpu1", "gpu2"):
        put_node(world, name)
        (node.node_paths(world.lab.paths, name).root / seed.NVML_LIBRARY).parent.mkdir(parents=True)
    return world


def test_only_what_is_off_or_silent_is_booted_and_all_keys_are_pinned(raised: World) -> None:
    raised.launcher.on.add("freehold-lab-gpu1")
    assert raise_.raise_nodes(raised.lab, ["gpu1", "gpu2"], quiet) == "booted gpu2"
    assert raised.launcher.started == ["freehold-lab-gpu2"]
    pinned = (raised.lab.paths.ssh / "known_hosts").read_text(encoding="ascii")
    assert pinned == "10.83.0.11 ssh-ed25519 AAAAgpu1\n10.83.0.12 ssh-ed25519 AAAAgpu2\n"
    assert raise_.raise_nodes(raised.lab, ["gpu1", "gpu2"], quiet) == UP_TO_DATE


def test_a_node_that_hangs_is_power_cycled(raised: World, monkeypatch: pytest.MonkeyPatch) -> None:
    raised.launcher.on.add("freehold-lab-gpu1")
    raised.unreachable.add("gpu1")
    monkeypatch.setattr(reach, "wait_for", lambda one, _: raised.unreachable.discard(one.name))
    assert raise_.raise_nodes(raised.lab, ["gpu1"], quiet) == "booted gpu1"
