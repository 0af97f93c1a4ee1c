"""How the owner is told: what playbooks/group_vars makes of ``fleet:monitoring``."""

from __future__ import annotations

from tests.unit.roles.role import CHAT
from tests.unit.roles.test_wiring import Wired, group_vars


def test_where_nobody_is_to_be_told_there_is_no_dead_mans_switch() -> None:
    values = group_vars(CHAT)
    values["freehold_fleet"]["monitoring"] |= {"mail": None, "webhooks": []}
    assert "dead_mans_switch" not in Wired("base", values).evaluate("{{ freehold_roles_of_this_node }}")
    assert Wired("base", values).evaluate("{{ alertmanager_dead_mans_switch_url }}") == ""


def test_both_that_mail_know_the_servers_name_and_authority_where_they_are_given() -> None:
    values = group_vars(CHAT)
    for name in ("alertmanager_mail", "dead_mans_switch_mail"):
        assert not {"server_name", "ca"} & set(Wired("base", values).evaluate(f"{{{{ {name} }}}}"))
    values["freehold_fleet"]["monitoring"]["mail"] |= {"server_name": "mail.example.com", "ca": "PEM"}
    for name in ("alertmanager_mail", "dead_mans_switch_mail"):
        mail = Wired("base", values).evaluate(f"{{{{ {name} }}}}")
        assert (mail["server_name"], mail["ca"], mail["user"]) == ("mail.example.com", "PEM", "freehold")


def test_the_owners_mail_server_counts_as_the_owners() -> None:
    own = Wired("base", group_vars(CHAT)).evaluate("{{ sovereignty_checks_own_hosts }}")
    assert {"192.0.2.25", "alerts.example.com", "gpu1"} <= set(own)


def test_runbooks_that_the_owner_serves_are_linked_from_alerts_page_and_dashboards() -> None:
    values = group_vars(CHAT)
    values["freehold_fleet"]["monitoring"]["runbooks_url"] = "http://192.0.2.1/runbooks"
    links = [
        Wired("base", values).evaluate(f"{{{{ {name} }}}}")
        for name in ("prometheus_runbooks", "report_runbooks_url", "grafana_runbooks")
    ]
    assert [link.rstrip("/") for link in links] == ["http://192.0.2.1/runbooks"] * 3
