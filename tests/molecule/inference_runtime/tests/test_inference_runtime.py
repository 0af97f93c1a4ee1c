from testinfra.host import Host

UNIT = "freehold-runtime@smollm2-135m-instruct"


def test_the_model_is_served_on_loopback_behind_the_key(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:18000").is_listening
    code = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:18000"
    assert host.check_output(f"{code}/health") == "200"
    assert host.check_output(f"{code}/v1/models") in {"200", "401"}
    assert host.check_output(f"{code}/v1/chat/completions -d '{{}}'") == "401"


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
