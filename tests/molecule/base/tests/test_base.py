import json

from testinfra.host import Host


def test_the_accepted_bundle_is_on_record(host: Host) -> None:
    assert json.loads(host.file("/var/lib/freehold/bundle/manifest.json").content_string)["serial"] > 0


def test_nothing_fetches_by_itself_and_the_node_is_sound(host: Host) -> None:
    assert host.run("systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer").stdout.split() == ["masked"] * 2
    assert host.check_output("systemctl list-units --failed --no-legend") == ""


def test_the_credential_was_born_here_and_only_root_reads_it(host: Host) -> None:
    with host.sudo():
        key = host.file("/etc/freehold/credentials/internal-key")
        assert (key.user, key.mode, len(key.content_string)) == ("root", 0o600, 43)


def test_time_and_names_have_no_fallback(host: Host) -> None:
    assert "FallbackNTP=\n" in host.check_output("systemd-analyze cat-config systemd/timesyncd.conf") + "\n"
    assert host.file("/etc/systemd/resolved.conf.d/50-freehold.conf").contains("^FallbackDNS=$")


def test_the_journal_survives_a_reboot_within_bounds(host: Host) -> None:
    assert host.file("/var/log/journal").is_directory
    assert host.file("/etc/systemd/journald.conf.d/50-freehold.conf").contains("^SystemMaxUse=64M$")
