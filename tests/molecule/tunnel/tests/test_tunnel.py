from testinfra.host import Host


def test_the_interface_has_its_address_and_listens(host: Host) -> None:
    assert host.service("fh-tunnel").is_running
    assert host.service("fh-tunnel").is_enabled
    assert len([address for address in host.interface("fh0").addresses if ":" not in address]) == 1
    with host.sudo():
        assert host.check_output("wg show fh0 listen-port") == "51820"
        assert "mtu 1420" in host.check_output("ip link show fh0")


def test_the_key_was_born_here_and_only_root_reads_it(host: Host) -> None:
    with host.sudo():
        key = host.file("/etc/wireguard/freehold.key")
        assert (key.user, key.mode) == ("root", 0o600)
        assert host.check_output("wg pubkey < /etc/wireguard/freehold.key") == host.check_output(
            "wg show fh0 public-key"
        )
        assert key.content_string.strip() not in host.check_output("ps axww -o args")


def test_killed_it_comes_back_as_it_was(host: Host) -> None:
    with host.sudo():
        before = host.check_output("wg show fh0 public-key")
        host.check_output(
            "systemctl kill --signal=KILL fh-tunnel && timeout 20 sh -c 'until wg show fh0 fwmark; do :; done'"
        )
        host.check_output("systemctl restart fh-tunnel")  # returns when it is up
        assert host.check_output("wg show fh0 public-key") == before


def test_a_hand_edit_is_undone_and_told_and_what_is_right_is_not(host: Host) -> None:
    settle = "sh /usr/local/lib/freehold/tunnel.sh settle"
    with host.sudo():
        assert host.check_output(settle) == ""
        host.check_output(
            "ip link set fh0 mtu 1300 && wg set fh0 peer $(wg genkey | wg pubkey) allowed-ips 192.0.2.9/32"
        )
        assert host.check_output(settle).splitlines() == ["up, mtu 1420", "peers set"]
        assert host.check_output("wg show fh0 peers") == ""
