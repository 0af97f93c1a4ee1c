import json

from testinfra.host import Host

from freehold.sovereignty import phone_home

UNIT = "grafana-server"
FOLDER = "/etc/freehold/grafana"


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:3000").is_listening
    assert not host.socket("tcp://0.0.0.0:3000").is_listening
    assert json.loads(host.check_output("curl -s http://127.0.0.1:3000/api/health"))["database"] == "ok"


def test_the_unit_of_the_role_runs_and_not_the_packages(host: Host) -> None:
    shown = host.check_output("systemctl show -p FragmentPath,User,ProtectSystem,NoNewPrivileges grafana-server")
    found = dict(line.split("=", 1) for line in shown.splitlines())
    assert found == {
        "FragmentPath": "/etc/systemd/system/grafana-server.service",
        "User": "grafana",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
    }


def test_the_program_was_started_with_every_switch_and_both_secrets(host: Host) -> None:
    with host.sudo():
        noted = json.loads(host.file("/var/lib/grafana/noted.json").content_string)
    assert noted["switches"] == phone_home.environment("monitor")
    assert all(length > 40 for length in noted["secrets"])


def test_the_secrets_are_roots_alone_and_stand_in_no_setting_and_no_log(host: Host) -> None:
    with host.sudo():
        for name in ("grafana-admin-password", "grafana-secret-key"):
            file = host.file(f"/etc/freehold/credentials/{name}")
            assert (file.user, file.mode) == ("root", 0o600)
            secret = file.content_string
            assert secret not in host.file(f"{FOLDER}/grafana.ini").content_string
            assert secret not in host.check_output("journalctl --unit=grafana-server --no-pager")


def test_nobody_gets_in_without_a_password(host: Host) -> None:
    settings = host.file(f"{FOLDER}/grafana.ini").content_string
    assert "[auth.anonymous]\nenabled = false" in settings
    assert "allow_sign_up = false" in settings


def test_the_dashboards_and_their_source_are_there(host: Host) -> None:
    assert "uid: freehold" in host.file(f"{FOLDER}/provisioning/datasources/freehold.yml").content_string
    assert f"path: {FOLDER}/dashboards" in host.file(f"{FOLDER}/provisioning/dashboards/freehold.yml").content_string
    for name in ("cost", "health", "sovereignty"):
        assert json.loads(host.file(f"{FOLDER}/dashboards/{name}.json").content_string)["uid"] == f"freehold-{name}"
