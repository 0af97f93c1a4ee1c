"""Certificates of the private plane, as a client sees them: by a TLS handshake with each door."""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject

# A door whose certificate has ended shakes hands with nobody: what was seen of it within a day holds.
LEFT = """
        min by (node, instance) (
          last_over_time(probe_ssl_earliest_cert_expiry{probe="certificate"}[1d])
        ) - time() < [[seconds]]
        """
FOUND = """Found: the first certificate of the chain ends in {{ $value | humanizeDuration }}. Expected: more than
        [[seconds]] s; they live 90 days and are renewed from the last 30 on."""

ALERTS = (
    Alert(
        "FreeholdCertificateEndsSoon",
        "warning",
        config.AN_HOUR,
        LEFT,
        "{{ $labels.node }}: the certificate at {{ $labels.instance }} is not renewed",
        FOUND,
        {"seconds": config.CERTIFICATE_WARNING},
    ),
    Alert(
        "FreeholdCertificateEnds",
        "critical",
        config.A_WHILE,
        LEFT,
        "{{ $labels.node }}: the certificate at {{ $labels.instance }} ends within days",
        FOUND,
        {"seconds": config.CERTIFICATE_CRITICAL},
    ),
    Alert(
        "FreeholdCertificateUnseen",
        "warning",
        config.THREE_ROUNDS,
        'max by (node, instance) (probe_success{probe="certificate"}) == 0',
        "{{ $labels.node }}: the certificate at {{ $labels.instance }} cannot be seen",
        """Found: no TLS handshake for [[hold]]: nobody listens, or the certificate is refused (ended, revoked, another
        name). Expected: a handshake.""",
    ),
)

SUBJECT = Subject("certificates", "Certificates of the private plane.", (), ALERTS)
