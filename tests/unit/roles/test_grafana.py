"""Grafana: closed to strangers, and calling nobody."""

from __future__ import annotations

import configparser
import json
from typing import Any

import yaml
from monitoring.dashboards import rendered
from monitoring.dashboards.variables import UID
from tests.unit.roles.role import Role, unit

from freehold.paths import PROJECT
from freehold.sovereignty import checks, phone_home
from freehold.sovereignty.result import Outcome

UNIT = "grafana-server.service"


def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string("[top]\n" + Role("grafana").render("grafana.ini.j2"))
    return parser


def carried() -> list[str]:
    return unit(Role("grafana").render(f"{UNIT}.j2"))["Service"]["Environment"]


def test_the_unit_carries_every_switch_and_the_check_misses_one_that_is_gone() -> None:
    wanted = phone_home.environment("monitor")
    assert carried() == [f"{name}={value}" for name, value in sorted(wanted.items())]
    assert {"GF_ANALYTICS_REPORTING_ENABLED=false", "GF_PLUGINS_PREINSTALL_DISABLED=true"} <= set(carried())

    def judged(environment: list[str]) -> Outcome:
        facts: dict[str, Any] = {"units": {UNIT: {"Environment": " ".join(environment)}}}
        return checks.phone_home_switches("gpu1", facts, phone_home.switches(), "now").outcome

    assert judged(carried()) is Outcome.OK
    assert judged(carried()[1:]) is Outcome.FAIL


def test_nobody_gets_in_without_a_password() -> None:
    found = settings()
    assert found["auth.anonymous"]["enabled"] == "false"
    assert (found["users"]["allow_sign_up"], found["public_dashboards"]["enabled"]) == ("false", "false")
    assert (found["server"]["http_addr"], found["server"]["http_port"]) == ("127.0.0.1", "3000")


def test_secrets_come_as_credentials_and_stand_in_no_setting() -> None:
    service = unit(Role("grafana").render(f"{UNIT}.j2"))["Service"]
    names = [value.partition(":")[0] for value in service["LoadCredential"]]
    written = [settings()["security"][name] for name in ("admin_password", "secret_key")]
    assert written == [f"$__file{{/run/credentials/{UNIT}/{name}}}" for name in names]


def test_panels_and_the_data_source_are_of_one_name() -> None:
    (source,) = yaml.safe_load(Role("grafana").render("datasource.yml.j2"))["datasources"]
    assert (source["uid"], source["url"], source["editable"]) == (UID, "http://127.0.0.1:9090", False)
    (provider,) = yaml.safe_load(Role("grafana").render("provider.yml.j2"))["providers"]
    assert provider["options"]["path"] == "/etc/freehold/grafana/dashboards"
    assert settings()["dashboards"]["default_home_dashboard_path"].startswith(provider["options"]["path"])


def test_the_role_brings_every_dashboard_and_leads_to_the_sites_runbooks() -> None:
    role = Role("grafana", {"grafana_runbooks": "https://runbooks.example.net/"})
    assert {f"{name}.json" for name in role.evaluate("{{ __grafana_dashboards }}")} == set(rendered())
    task = next(task for task in role.load("tasks/configure.yml") if task["name"].endswith("the dashboards"))
    folder = str(PROJECT / "monitoring/rendered/dashboards")
    for name, text in rendered().items():
        more = {"__grafana_source": f"{folder}/{name}"}
        content = role.evaluate(task["ansible.builtin.copy"]["content"], **more)
        assert content == text.replace("docs/runbooks/", "https://runbooks.example.net/")
        assert json.loads(content)["uid"] == f"freehold-{name.removesuffix('.json')}"
