from testinfra.host import Host

FOLDER = "/etc/freehold/tls"
KEY = "/etc/freehold/credentials/tls.key"


def test_the_key_was_born_here_and_only_root_reads_it(host: Host) -> None:
    with host.sudo():
        key = host.file(KEY)
        assert (key.user, key.mode) == ("root", 0o600)
        own = host.check_output(f"openssl pkey -in {KEY} -pubout")
        assert own == host.check_output(f"openssl x509 -in {FOLDER}/node.crt -noout -pubkey")


def test_openssl_believes_chain_and_lists(host: Host) -> None:
    check = f"openssl verify -x509_strict -crl_check_all -CRLfile {FOLDER}/crl.pem -CAfile {FOLDER}/ca.crt"
    assert host.check_output(f"{check} -untrusted {FOLDER}/node.crt {FOLDER}/node.crt").endswith("OK")
    assert host.run(f"{check} {FOLDER}/node.crt").rc != 0, "without its issuer it must not pass"


def test_the_certificate_names_this_node_and_both_uses(host: Host) -> None:
    shown = host.check_output(f"openssl x509 -in {FOLDER}/node.crt -noout -text")
    name = host.check_output("uname -n")
    assert f"DNS:{name}, DNS:{name}.lab.freehold.internal, IP Address:10." in shown
    assert f"URI:freehold://lab/node/{name}" in shown
    assert "TLS Web Server Authentication, TLS Web Client Authentication" in shown


def test_what_is_public_is_readable_and_the_end_is_told(host: Host) -> None:
    for name in ("node.crt", "ca.crt", "crl.pem"):
        assert host.file(f"{FOLDER}/{name}").mode == 0o644
        assert "PRIVATE" not in host.file(f"{FOLDER}/{name}").content_string
    end = host.check_output(f'date -d "$(openssl x509 -in {FOLDER}/node.crt -noout -enddate | cut -d= -f2)" +%s')
    assert host.file("/var/lib/freehold/textfile/tls/tls.prom").content_string.count(f"}} {end}\n") == 1
