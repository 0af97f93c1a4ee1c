"""The program whose state lies in tests/data/pulumi_command: every resource, every kind of input."""

import json
import os

import pulumi
from pulumi_command import local, remote

S = json.loads(os.environ["CONFORMANCE"])

connection = remote.ConnectionArgs(
    host="203.0.113.10",
    user="ops",
    private_key=S["private_key"],
    private_key_password="a pass phrase",
    host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFL3Tz1e3xPjuVVG4IdZJsVLFwJqlyQeAYCQ9Ee5VtHR",
    dial_error_limit=-1,
    proxy=remote.ProxyConnectionArgs(host="203.0.113.1", port=2222, password="a pass word"),
)
local.Command("bare", create="echo made", delete="echo $PULUMI_COMMAND_STDOUT > journal")
local.Command(
    "full",
    create="make things",
    update="make things again",
    dir="/srv/example",
    interpreter=["/bin/bash", "-euc"],
    stdin="line\n",
    environment={"A": "1", "dotted.name": "2", "KEY": pulumi.Output.secret("a key")},
    triggers=[S["trigger"], 2, {"three": [True]}, pulumi.StringAsset("a text")],
    asset_paths=["things/*"],
    archive_paths=["**", "!*.tmp"],
    logging=local.Logging.STDERR,
    add_previous_output_in_env=False,
)
remote.Command(
    "remote", connection=connection, create="uname", environment={"A": "1"}, logging=remote.Logging.STDOUT_AND_STDERR
)
remote.CopyToRemote("copied", connection=connection, source=pulumi.FileAsset("leaf"), remote_path="/srv/leaf")
remote.CopyFile("file", connection=connection, local_path=S["local"], remote_path="/srv/file", triggers=["1"])
