from testinfra.host import Host

PROBE = "freehold-molecule-probe.service"


def test_a_unit_gets_the_sandbox_by_its_name_alone(host: Host) -> None:
    unit = "/etc/systemd/system/" + PROBE
    with host.sudo():
        host.check_output(f"printf '[Service]\\nExecStart=/bin/true\\n' > {unit} && systemctl daemon-reload")
        try:
            shown = host.check_output(f"systemctl show -p ProtectSystem,NoNewPrivileges,Environment {PROBE}")
        finally:
            host.check_output(f"rm {unit} && systemctl daemon-reload")
    assert "ProtectSystem=strict" in shown
    assert "NoNewPrivileges=yes" in shown
    assert "DO_NOT_TRACK=1" in shown


def test_systemd_finds_no_fault_in_it(host: Host) -> None:
    with host.sudo():
        unit = "/etc/systemd/system/" + PROBE
        host.check_output(f"printf '[Service]\\nExecStart=/bin/true\\n' > {unit}")
        try:
            done = host.run(f"systemd-analyze verify {unit}")
        finally:
            host.check_output(f"rm {unit}")
    assert (done.rc, done.stderr) == (0, "")
