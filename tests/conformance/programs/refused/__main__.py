"""What the SDK offers and the stand-in does not, one case a run: Pulumi ends at the first refused input."""

import json
import os

import pulumi
from pulumi_command import local, remote

case = json.loads(os.environ["CONFORMANCE"])["case"]
here = remote.ConnectionArgs(host="127.0.0.1", port=9)
if case == "proxy":
    through = remote.ConnectionArgs(host="127.0.0.1", proxy=remote.ProxyConnectionArgs(host="127.0.0.1"))
    remote.Command("refused", connection=through, create="true")
if case == "resource":
    remote.CopyFile("refused", connection=here, local_path="/etc/hostname", remote_path="/nonexistent")
if case == "function":
    pulumi.export("said", local.run_output(command="true").stdout)
