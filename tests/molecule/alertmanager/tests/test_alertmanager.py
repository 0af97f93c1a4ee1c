from testinfra.host import Host

UNIT = "prometheus-alertmanager"
AMTOOL = "amtool --alertmanager.url=http://127.0.0.1:9093"


def test_it_answers_on_loopback_only_and_gossips_with_nobody(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:9093").is_listening
    assert not host.socket("tcp://0.0.0.0:9093").is_listening
    assert ":9094" not in host.check_output("ss -Hltnu")


def test_its_settings_are_in_force(host: Host) -> None:
    shown = host.check_output(f"{AMTOOL} config show")
    assert "ops@example.org" in shown
    assert ":9405/beat" in shown
    assert 'alertname="FreeholdNodeDown"' in shown


def test_an_alert_can_be_silenced_by_hand(host: Host) -> None:
    made = host.check_output(f"{AMTOOL} silence add --author=ops -d 5m -c 'test' alertname=FreeholdNothing")
    assert made in host.check_output(f"{AMTOOL} silence query")
    host.check_output(f"{AMTOOL} silence expire {made}")


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
