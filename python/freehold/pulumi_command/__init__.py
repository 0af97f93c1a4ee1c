"""A stand-in for the official Pulumi plugin `command`, where that binary cannot be had.

It serves the whole surface of the unchanged ``pulumi_command`` SDK, as that SDK's documentation describes it:
``command:local:Command``, ``command:local:run``, ``command:remote:Command``, ``command:remote:CopyToRemote`` and
``command:remote:CopyFile``. The official binary itself was not at hand when this
was written: what it does beyond its documentation was learnt from its published source, and docs/decisions/0003 lists
where the stand-in differs on purpose.
"""

VERSION = "1.2.1"
"""The version of the SDK whose resources are served; Pulumi asks for a plugin of exactly this version."""
