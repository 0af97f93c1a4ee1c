from testinfra.host import Host


def test_it_listens_where_it_was_told_to_and_nowhere_else(host: Host) -> None:
    assert host.service("freehold-gateway").is_running
    lines = host.check_output("ss -Hltn").splitlines()
    found = {line.split()[3] for line in lines}
    serving = {listener for listener in found if listener.endswith(":8080")}
    assert len(serving) == 1
    assert serving.pop().startswith("10.")
    assert "127.0.0.1:8081" in found


def test_systemd_holds_its_address_with_it(host: Host) -> None:
    with host.sudo():
        (holders,) = (line for line in host.check_output("ss -Hltnp").splitlines() if ":8080" in line)
    assert "systemd" in holders
    assert host.socket("tcp://127.0.0.1:8081").is_listening
    assert host.check_output("systemctl is-enabled freehold-gateway.socket") == "enabled"


def test_it_comes_back_for_the_client_who_finds_it_gone(host: Host) -> None:
    address = next(line.split()[3] for line in host.check_output("ss -Hltn").splitlines() if ":8080" in line)
    with host.sudo():
        host.check_output("systemctl kill --kill-who=main --signal=KILL freehold-gateway")
    assert host.check_output(f"curl -s --max-time 30 http://{address}/healthz") == "ok"


def test_without_a_key_nobody_gets_in(host: Host) -> None:
    address = next(line.split()[3] for line in host.check_output("ss -Hltn").splitlines() if ":8080" in line)
    code = host.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' http://{address}/v1/models")
    assert code == "401"


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output("systemd-analyze security --no-pager freehold-gateway | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
