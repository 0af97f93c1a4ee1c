"""A command that would run for minutes: on this machine, on a host, or called as a function.

The process below it does not heed a request to end, and holds on to nothing of the command's.
"""

import json
import os

from pulumi_command import local, remote

S = json.loads(os.environ["CONFORMANCE"])
CHILD = """sh -c 'trap "" TERM; sleep 300' > /dev/null 2>&1"""
COMMAND = f"{CHILD} & echo $$ $! > {S['pids']}.new && mv {S['pids']}.new {S['pids']}; wait"

if S["where"] == "host":
    target = {name: S[name] for name in ("port", "user", "private_key", "host_key")}
    remote.Command("slow", connection=remote.ConnectionArgs(host="127.0.0.1", **target), create=COMMAND)
elif S["where"] == "function":
    local.run(command=COMMAND)
else:
    local.Command("slow", create=COMMAND)
