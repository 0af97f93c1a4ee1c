from testinfra.host import Host

FOLDER = "/etc/freehold/credentials/owner"


def test_only_root_reads_what_was_given(host: Host) -> None:
    with host.sudo():
        assert host.file(FOLDER).mode == 0o700
        assert host.file(FOLDER).listdir() == ["provider"]
        given = host.file(f"{FOLDER}/provider")
        assert (given.user, given.mode, given.content_string) == ("root", 0o600, "a {{ secret }} of the scenario's")


def test_a_unit_gets_it_and_nobody_else_does(host: Host) -> None:
    unit = "systemd-run --wait --pipe --quiet -p DynamicUser=yes"
    load = f"-p LoadCredential=provider:{FOLDER}/provider"
    with host.sudo():
        read = host.check_output(f"{unit} {load} sh -c 'cat $CREDENTIALS_DIRECTORY/provider'")
        assert read == "a {{ secret }} of the scenario's"
        assert host.run(f"{unit} cat {FOLDER}/provider").rc != 0
