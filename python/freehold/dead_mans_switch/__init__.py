"""The dead man's switch: a monitor that falls silent cannot say so itself; this says it, by a path of its own.

::

    Alertmanager ──beat, mutual TLS──► receiver ──► watch ──► outbox ──► mail
                                                      │          └─────► web hooks
                                                      └─ store (survives a restart)
"""
