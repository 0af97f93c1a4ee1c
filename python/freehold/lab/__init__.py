"""The lab: real Debian servers in systemd-nspawn, two networks and an outside, on one machine.

::

    outside (fhl-outside)                 client, a stand-in for a frontier provider, "the internet" 203.0.113.10
        │ lan0 10.84.0.100
    ────┴──────────── fhl-lan ─────────── 10.84.0.1 control host
        │ lan0 10.84.0.11
      gpu1   systemd as PID 1, sshd, nothing of ours; no default route
        │ host0 10.83.0.11
    ────┴──────────── fhl-mgmt ────────── 10.83.0.1 control host: SSH, bundle (8480), the operator's mail and web hook

Everything the lab makes is found again by its name alone (:mod:`freehold.lab.plan`), so that
:mod:`freehold.lab.down` can remove it after any crash and from any checkout.
"""
