from testinfra.host import Host

STORE = "/var/lib/freehold/weights"


def test_models_are_whole_and_only_their_group_reads_them(host: Host) -> None:
    with host.sudo():
        assert host.run("/opt/freehold/venvs/agent/bin/freehold weights verify").rc == 0
        store = host.file(STORE)
        assert (store.group, store.mode) == ("freehold-weights", 0o750)
    assert host.run(f"ls {STORE}/models").rc != 0
