"""A command that would run for minutes, with a process of its own below it."""

import json
import os

from pulumi_command import local

S = json.loads(os.environ["CONFORMANCE"])
local.Command("slow", create=f"sleep 300 & echo $$ $! > {S['pids']}.new && mv {S['pids']}.new {S['pids']}; wait")
