from testinfra.host import Host

UNIT = "freehold-dead-mans-switch"
PAGE = "curl -s http://127.0.0.1:9095/metrics"


def test_it_listens_on_the_mesh_for_beats_and_on_loopback_for_metrics(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    found = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    assert "127.0.0.1:9095" in found
    (beats,) = [address for address in found if address.endswith(":9405")]
    assert not beats.startswith(("127.", "0.", "["))


def test_it_says_how_it_is_tried(host: Host) -> None:
    with host.sudo():
        assert "--test" in host.check_output(f"journalctl --unit={UNIT} --output=cat --no-pager")


def test_it_waits_for_its_monitor_and_says_so(host: Host) -> None:
    page = host.check_output(PAGE)
    assert 'freehold_dead_mans_switch_silent{monitor="mon1"} 0' in page
    assert "last_beat_timestamp_seconds{" not in page
    assert 'freehold_dead_mans_switch_notifications_total{path="mail",outcome="sent"} 0' in page


def test_a_node_that_is_no_monitor_does_not_beat(host: Host) -> None:
    found = [line.split()[3] for line in host.check_output("ss -Hltn").splitlines() if ":9405" in line]
    address = found[0].rpartition(":")[0]
    files = (
        "--cacert /etc/freehold/tls/ca.crt --cert /etc/freehold/tls/node.crt --key /etc/freehold/credentials/tls.key"
    )
    with host.sudo():
        host.check_output(f"ip address add {address}/32 dev lo")
        try:
            told = host.check_output(
                f"curl -s -o /dev/null -w '%{{http_code}}' {files} -d '{{}}' https://{address}:9405/beat"
            )
        finally:
            host.check_output(f"ip address del {address}/32 dev lo")
    assert told == "403"


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
