import re

from testinfra.host import Host

UNIT = "freehold-metrics-door"


def listeners(host: Host) -> list[str]:
    return sorted(
        line.split()[3] for line in host.check_output("ss -Hltn").splitlines() if re.search(":9[14]00 ", line)
    )


def test_it_listens_on_the_mesh_address_though_that_is_not_there_yet(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    found = listeners(host)
    assert [listener.rpartition(":")[2] for listener in found] == ["9100", "9400"]
    address = found[0].rpartition(":")[0]
    assert address not in host.check_output("ip -o address")
    assert not address.startswith(("127.", "0.", "["))


def test_who_brings_no_certificate_gets_nothing(host: Host) -> None:
    address = listeners(host)[0].rpartition(":")[0]
    trust = "--cacert /etc/freehold/tls/ca.crt"
    with host.sudo():
        host.check_output(f"ip address add {address}/32 dev lo")
        try:
            bare = host.run(f"curl -sS {trust} https://{address}:9100/metrics")
            plain = host.run(f"curl -sS http://{address}:9100/metrics")
            pair = "--cert /etc/freehold/tls/node.crt --key /etc/freehold/credentials/tls.key"
            own = host.check_output(
                f"curl -s -o /dev/null -w '%{{http_code}}' {trust} {pair} https://{address}:9100/metrics"
            )
        finally:
            host.check_output(f"ip address del {address}/32 dev lo")
    assert bare.rc != 0
    assert plain.rc != 0
    assert own == "403", "a node that is no monitor is known, and told no"


def test_the_key_is_a_credential_and_in_no_argument(host: Host) -> None:
    properties = host.service(UNIT).systemd_properties
    assert properties["User"] == "freehold-door"
    with host.sudo():
        arguments = host.check_output(f"cat /proc/{properties['MainPID']}/cmdline").replace("\0", " ")
        secrets = host.check_output(f"cat /run/credentials/{UNIT}.service/*").splitlines()
    assert "--relay" in arguments
    assert len(secrets) > 1
    assert [secret for secret in secrets if secret in arguments] == []


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
