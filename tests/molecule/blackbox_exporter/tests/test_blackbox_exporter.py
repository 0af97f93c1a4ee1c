from testinfra.host import Host

UNIT = "prometheus-blackbox-exporter"
PROBE = "curl -s 'http://127.0.0.1:9115/probe?module={}&target={}'"


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:9115").is_listening
    assert not host.socket("tcp://0.0.0.0:9115").is_listening


def test_it_asks_and_says_what_came_of_it(host: Host) -> None:
    good = host.check_output(PROBE.format("gateway", "http://127.0.0.1:9115/-/healthy"))
    bad = host.check_output(PROBE.format("gateway", "http://127.0.0.1:1/"))
    assert "probe_success 1" in good
    assert "probe_success 0" in bad
    assert "probe_success 0" in host.check_output(PROBE.format("certificate", "127.0.0.1:22"))


def test_it_asks_nothing_in_a_way_that_the_role_did_not_name(host: Host) -> None:
    for module in ("http_2xx", "ssh_banner"):
        assert "Unknown module" in host.check_output(PROBE.format(module, "127.0.0.1:22"))


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
