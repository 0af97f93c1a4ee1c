import json

from testinfra.host import Host

UNIT = "victoria-metrics"
URL = "http://127.0.0.1:8428"


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    listening = host.check_output("ss -Hltn").splitlines()
    assert [line.split()[3] for line in listening if ":8428" in line] == ["127.0.0.1:8428"]


def test_what_is_written_is_found(host: Host) -> None:
    host.check_output(f"printf 'scenario_value 7\\n' | curl -s --data-binary @- {URL}/api/v1/import/prometheus")
    # A query leaves out the last half minute on purpose; an export does not, once its buffer of a second is written.
    export = f"curl -s {URL}/api/v1/export -d 'match[]=scenario_value'"
    host.check_output(f'timeout 20 sh -c "until {export} | grep -q scenario_value; do sleep 0.5; done"')
    assert json.loads(host.check_output(export))["values"] == [7]


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
