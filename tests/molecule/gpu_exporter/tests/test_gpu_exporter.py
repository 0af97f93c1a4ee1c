from testinfra.host import Host


def test_it_answers_on_loopback_only_and_says_what_is_simulated(host: Host) -> None:
    assert host.service("freehold-gpu-exporter").is_running
    assert host.socket("tcp://127.0.0.1:9400").is_listening
    page = host.check_output("curl -s http://127.0.0.1:9400/metrics")
    assert 'freehold_simulated{part="gpu"} 1' in page
    assert "DCGM_FI_DEV_GPU_TEMP{" in page


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output("systemd-analyze security --no-pager freehold-gpu-exporter | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
