"""One key hierarchy for a site: a root that can leave the control host, an issuing certificate, named signing keys.

::

    root          signs the issuing certificate and the signing keys; encrypted; may lie on removable media
    ├── issuing   on the control host; signs nodes, control host, monitors and clients for 90 days each (TLS)
    └── signing   bundle, acceptance, evidence, weights: each signature names its purpose

Docs: docs/keys.md; choices: docs/decisions/0010-key-hierarchy.md.
"""
