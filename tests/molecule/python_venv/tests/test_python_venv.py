from testinfra.host import Host

VENVS = "/opt/freehold/venvs"


def test_the_link_leads_to_a_whole_environment_named_by_its_lock(host: Host) -> None:
    digest = host.check_output(f"sha256sum {VENVS}/agent/requirements.txt").split()[0]
    assert host.file(f"{VENVS}/agent").linked_to == f"{VENVS}/agent-{digest[:12]}"
    assert host.file(f"{VENVS}/agent/.complete").content_string.strip() == digest


def test_the_command_runs_and_pip_was_not_left_behind(host: Host) -> None:
    assert host.run(f"{VENVS}/agent/bin/freehold --help").rc == 0
    assert host.run(f"{VENVS}/agent/bin/python -m pip --version").rc != 0
