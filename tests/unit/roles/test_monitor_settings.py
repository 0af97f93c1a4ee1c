"""Settings of the monitor's programs, read by these programs themselves."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.programs import program
from tests.unit.roles.role import Role

from freehold.dead_mans_switch import settings as switch_settings
from freehold.dead_mans_switch.paths import Mail

RULE = """groups:
  - name: one
    rules:
      - alert: FreeholdOne
        expr: up == 0
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.node }} is down"
          runbook_url: docs/runbooks/FreeholdOne.md
"""
INHIBITIONS = """inhibit_rules:
  - source_matchers: [alertname="FreeholdNodeDown"]
    target_matchers: [alertname=~"FreeholdGatewayDown|FreeholdRuntimeDown"]
    equal: [node]
"""
MAIL = {"smarthost": "192.0.2.25:587", "from": "fleet@example.org", "to": ["ops@example.org", "two@example.org"]}
HOOKS = [
    {"name": "pager", "url": "https://hook.example.org/x", "credential": "pager", "severities": ["critical"]},
    {"name": "log", "url": "http://192.0.2.9/y"},
]
PRICES = {"currency": "EUR", "electricity_per_kwh": 0.000012, "node_purchase": 300000, "years": 5, "pue": 1.25}
NODES = [{"name": "gpu1", "gpus": 8, "maintenance": False}, {"name": "gpu2", "gpus": 4, "maintenance": True}]
TARGETS: list[dict[str, Any]] = [
    {"job": "node", "node": "gpu1", "address": "[fd00::11]:9100", "scheme": "https"},
    {
        "job": "runtime",
        "node": "gpu1",
        "address": "10.85.0.11:9401",
        "scheme": "https",
        "path": "/models/small-chat",
        "labels": {"model": "small-chat", "engine": "llama_cpp", "kind": "chat", "instance": "gpu1/small-chat"},
    },
    {
        "job": "blackbox",
        "node": "gpu1",
        "address": "127.0.0.1:9115",
        "path": "/probe",
        "params": {"module": "certificate", "target": "10.85.0.11:9401"},
        "labels": {"probe": "certificate", "instance": "gpu1:9401"},
    },
]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rendered"
    folder.mkdir()
    (folder / "one.yml").write_text(RULE)
    return folder


@pytest.fixture
def inhibitions(tmp_path: Path) -> Path:
    file = tmp_path / "inhibitions.yml"
    file.write_text(INHIBITIONS)
    return file


def checked(folder: Path, text: str, *words: str) -> str:
    """The verdict of a program on a file, the same one that the role asks on the node."""
    file = folder / "checked.yml"
    file.write_text(text, encoding="utf-8")
    argv = [program(words[0]), *(word.replace("%s", str(file)) for word in words[1:])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def validation(role: str, template: str) -> list[str]:
    """What the role says to look at a template with, without the folder of the program."""
    files = [Role(role).path / "tasks" / name for name in ("settings.yml", "targets.yml")]
    tasks = [task for file in files if file.is_file() for task in yaml.safe_load(file.read_text())]
    (task,) = [one for one in tasks if one.get("ansible.builtin.template", {}).get("src") == template]
    words: list[str] = task["ansible.builtin.template"]["validate"].split()
    return [Path(words[0]).name, *words[1:]]


def prometheus(**given: Any) -> Role:
    return Role("prometheus", {"prometheus_targets": TARGETS, "prometheus_nodes": NODES, **given})


def alertmanager(inhibitions: Path, **given: Any) -> Role:
    return Role("alertmanager", {"alertmanager_inhibitions_file": str(inhibitions), **given})


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8428/api/v1/write"])
def test_promtool_takes_the_configuration(tmp_path: Path, url: str) -> None:
    text = prometheus(prometheus_remote_write_url=url).render("prometheus.yml.j2")
    assert checked(tmp_path, text, *validation("prometheus", "prometheus.yml.j2")) == ""
    assert ("remote_write" in yaml.safe_load(text)) == bool(url)


def test_promtool_refuses_what_is_none(tmp_path: Path) -> None:
    text = prometheus(prometheus_scrape_timeout="20s").render("prometheus.yml.j2")
    assert "scrape timeout" in checked(tmp_path, text, *validation("prometheus", "prometheus.yml.j2"))


def test_targets_carry_their_labels_and_their_way() -> None:
    (plain, runtime, probe) = json.loads(prometheus().render("targets.json.j2"))
    assert plain == {
        "targets": ["[fd00::11]:9100"],
        "labels": {
            "job": "node",
            "node": "gpu1",
            "instance": "gpu1:9100",
            "__scheme__": "https",
            "__metrics_path__": "/metrics",
        },
    }
    assert runtime["labels"]["instance"] == "gpu1/small-chat"
    assert runtime["labels"]["__metrics_path__"] == "/models/small-chat"
    assert (probe["labels"]["__param_module"], probe["labels"]["__param_target"]) == ("certificate", "10.85.0.11:9401")
    assert (probe["labels"]["__scheme__"], probe["labels"]["probe"]) == ("http", "certificate")


def test_every_target_is_asked_with_the_nodes_certificate_and_cannot_choose_its_time() -> None:
    read = yaml.safe_load(prometheus().render("prometheus.yml.j2"))
    (job,) = read["scrape_configs"]
    assert read["global"]["external_labels"] == {"fleet": "test"}
    assert job["file_sd_configs"] == [{"files": ["/etc/freehold/prometheus/targets/*.json"]}]
    assert job["tls_config"]["key_file"] == "/run/credentials/prometheus.service/tls.key"
    assert (job["honor_timestamps"], job["honor_labels"]) == (False, False)


def test_rules_go_to_the_node_as_they_are_but_for_the_runbooks(tmp_path: Path, rules: Path) -> None:
    role = prometheus(prometheus_runbooks="https://wiki.example.org/", prometheus_rules_folder=str(rules))
    assert role.evaluate("{{ __prometheus_rules }}") == [str(rules / "one.yml")]
    text = role.render("rules.yml.j2", __prometheus_rule=str(rules / "one.yml"))
    assert yaml.safe_load(text) == yaml.safe_load(RULE.replace("docs/runbooks/", "https://wiki.example.org/"))
    assert checked(tmp_path, text, *validation("prometheus", "rules.yml.j2")) == ""
    assert checked(tmp_path, text.replace("up == 0", "up =="), *validation("prometheus", "rules.yml.j2")) != ""


CONSTANTS = ("freehold-site.yml.j2", "freehold-fleet.yml.j2")


def constants(role: Role) -> dict[tuple[str, ...], str]:
    read = [yaml.safe_load(role.render(template)) for template in CONSTANTS]
    rows = [rule for file in read for group in file["groups"] for rule in group["rules"]]
    return {(rule["record"], *rule.get("labels", {}).values()): rule["expr"] for rule in rows}


def test_the_site_is_told_as_constants(tmp_path: Path) -> None:
    role = prometheus(prometheus_prices={**PRICES, "note": "x"}, prometheus_simulated=["gpu"])
    assert constants(role) == {
        ("freehold:declared_gpus", "gpu1"): "vector(8)",
        ("freehold:declared_node", "gpu1"): "vector(1)",
        ("freehold:declared_gpus", "gpu2"): "vector(4)",
        ("freehold:maintenance", "gpu2"): "vector(1)",
        ("freehold:simulated", "gpu"): "vector(1)",
        ("freehold:price_electricity_per_kwh", "EUR"): "vector(1.2e-05)",
        ("freehold:price_node_purchase", "EUR"): "vector(300000.0)",
        ("freehold:price_node_years",): "vector(5.0)",
        ("freehold:price_pue",): "vector(1.25)",
    }
    for template in CONSTANTS:
        assert checked(tmp_path, role.render(template), *validation("prometheus", template)) == ""


def test_a_price_that_nobody_gave_makes_no_series(tmp_path: Path) -> None:
    role = prometheus()
    assert not [series for series in constants(role) if "price" in series[0]]
    for template in CONSTANTS:
        assert checked(tmp_path, role.render(template), *validation("prometheus", template)) == ""


ALERTMANAGERS: list[dict[str, Any]] = [
    {"alertmanager_mail": {}, "alertmanager_dead_mans_switch_url": ""},
    {"alertmanager_mail": MAIL},
    {"alertmanager_mail": {**MAIL, "user": "ops", "credential": "mail", "server_name": "m", "ca_file": "/etc/ca"}},
    {"alertmanager_mail": {**MAIL, "smarthost": "[fd00::25]:465", "tls": "tls"}},
    {"alertmanager_mail": {**MAIL, "tls": "none"}, "alertmanager_webhooks": HOOKS},
]


def test_amtool_takes_every_way_to_tell_somebody(tmp_path: Path, inhibitions: Path) -> None:
    for given in ALERTMANAGERS:
        role = alertmanager(inhibitions, __alertmanager_folder=str(tmp_path), **given)
        (tmp_path / "freehold.tmpl").write_text(role.render("freehold.tmpl.j2"))
        text = role.render("alertmanager.yml.j2").replace("/etc/freehold/alertmanager", str(tmp_path))
        assert role.complaints() == ""
        assert checked(tmp_path, text, *validation("alertmanager", "alertmanager.yml.j2")) == ""


def test_a_mail_server_is_believed_by_the_owners_authority_alone(inhibitions: Path) -> None:
    mail = {**MAIL, "ca": "-----BEGIN CERTIFICATE-----", "server_name": "mail.example.org"}
    read = yaml.safe_load(alertmanager(inhibitions, alertmanager_mail=mail).render("alertmanager.yml.j2"))
    laid_down = {"ca_file": "/etc/freehold/alertmanager/mail-ca.crt", "server_name": "mail.example.org"}
    assert [one["email_configs"][0]["tls_config"] for one in read["receivers"][1:]] == [laid_down] * 3


def test_amtool_refuses_what_is_none(tmp_path: Path, inhibitions: Path) -> None:
    text = alertmanager(inhibitions).render("alertmanager.yml.j2").replace("receiver: info", "receiver: nobody")
    assert "nobody" in checked(tmp_path, text, *validation("alertmanager", "alertmanager.yml.j2"))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=FreeholdDeadMansSwitch", "severity=none"], "dead_mans_switch"),
        (["alertname=FreeholdGpuLost", "severity=critical"], "critical"),
        (["alertname=FreeholdDiskFills", "severity=warning"], "warning"),
        (["alertname=FreeholdDrift", "severity=info"], "info"),
        (["alertname=SomebodysOwn"], "warning"),
    ],
)
def test_an_alert_finds_its_way(tmp_path: Path, inhibitions: Path, labels: list[str], receiver: str) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager(inhibitions).render("alertmanager.yml.j2"))
    argv = [program("amtool"), "config", "routes", "test", f"--config.file={file}", *labels]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == receiver


def test_passwords_and_tokens_stand_in_no_settings(inhibitions: Path) -> None:
    mail = {**MAIL, "user": "ops", "credential": "mail"}
    text = alertmanager(inhibitions, alertmanager_mail=mail, alertmanager_webhooks=HOOKS).render("alertmanager.yml.j2")
    read = yaml.safe_load(text)
    critical = next(one for one in read["receivers"] if one["name"] == "critical")
    given = "/run/credentials/prometheus-alertmanager.service"
    assert critical["email_configs"][0]["auth_password_file"] == f"{given}/mail"
    tokens = [hook["http_config"].get("authorization") for hook in critical["webhook_configs"]]
    assert tokens == [None, {"credentials_file": f"{given}/pager"}]
    assert not re.search(r"auth_password:|credentials:", text)
    assert [len(one.get("webhook_configs", [])) for one in read["receivers"]] == [1, 2, 1, 1]


def test_inhibitions_are_those_of_the_rules(inhibitions: Path) -> None:
    read = yaml.safe_load(alertmanager(inhibitions).render("alertmanager.yml.j2"))
    assert read["inhibit_rules"] == yaml.safe_load(INHIBITIONS)["inhibit_rules"]


def test_nobody_is_said(inhibitions: Path) -> None:
    told = "{{ __alertmanager_reaches_somebody }}"
    assert alertmanager(inhibitions).evaluate(told) is True
    assert alertmanager(inhibitions, alertmanager_mail={}).evaluate(told) is False


def test_the_blackbox_exporter_takes_its_modules(tmp_path: Path) -> None:
    text = Role("blackbox_exporter").render("blackbox_exporter.yml.j2")
    words = validation("blackbox_exporter", "blackbox_exporter.yml.j2")
    assert set(yaml.safe_load(text)["modules"]) == {"gateway", "certificate"}
    assert checked(tmp_path, text, *words) == ""
    assert checked(tmp_path, text.replace("timeout: 5s", "timeout: soon"), *words) != ""


def test_the_switch_reads_its_settings(tmp_path: Path) -> None:
    mail = {**MAIL, "user": "ops", "credential": "mail", "ca_file": "/etc/ca.crt", "server_name": "mail"}
    given = {"dead_mans_switch_mail": mail, "dead_mans_switch_webhooks": HOOKS}
    file = tmp_path / "switch.json"
    file.write_text(Role("dead_mans_switch", given).render("dead_mans_switch.json.j2"))
    read = switch_settings.read(file, Path("/run/credentials/x"))
    assert (read.listen, read.metrics, read.monitors) == ("198.51.100.12:9405", "127.0.0.1:9095", ("gpu1",))
    assert [way.name for way in read.ways] == ["mail", "pager", "log"]
    assert json.loads(file.read_text())["mail"] == mail


def test_the_switch_believes_the_mail_server_by_the_file_that_its_role_lays_down(tmp_path: Path) -> None:
    given = {"dead_mans_switch_mail": {**MAIL, "ca": "-----BEGIN CERTIFICATE-----"}}
    file = tmp_path / "switch.json"
    file.write_text(Role("dead_mans_switch", given).render("dead_mans_switch.json.j2"))
    (mail,) = switch_settings.read(file, Path("/run/credentials/x")).ways
    assert isinstance(mail, Mail)
    assert mail.ca_file == "/etc/freehold/dead_mans_switch-mail-ca.crt"


def test_the_rules_and_inhibitions_of_this_tree_are_taken(tmp_path: Path) -> None:
    role, words = prometheus(), validation("prometheus", "rules.yml.j2")
    found = role.evaluate("{{ __prometheus_rules }}")
    assert found
    for rule in found:
        assert checked(tmp_path, role.render("rules.yml.j2", __prometheus_rule=rule), *words) == "", rule
    teller = Role("alertmanager")
    (tmp_path / "freehold.tmpl").write_text(teller.render("freehold.tmpl.j2"))
    text = teller.render("alertmanager.yml.j2").replace("/etc/freehold/alertmanager", str(tmp_path))
    assert yaml.safe_load(text)["inhibit_rules"]
    assert checked(tmp_path, text, *validation("alertmanager", "alertmanager.yml.j2")) == ""
