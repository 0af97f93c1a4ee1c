from testinfra.host import Host


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service("prometheus-node-exporter").is_running
    assert host.socket("tcp://127.0.0.1:9100").is_listening
    assert not host.socket("tcp://0.0.0.0:9100").is_listening


def test_the_sandbox_of_freeholds_services_holds_it(host: Host) -> None:
    properties = host.service("prometheus-node-exporter").systemd_properties
    assert (properties["ProtectSystem"], properties["NoNewPrivileges"], properties["ProtectHome"]) == (
        "strict",
        "yes",
        "yes",
    )


def test_a_scrape_has_what_dashboards_read(host: Host) -> None:
    page = host.check_output("curl -s http://127.0.0.1:9100/metrics")
    assert "node_cpu_seconds_total{" in page
    assert "node_network_receive_bytes_total{" in page
