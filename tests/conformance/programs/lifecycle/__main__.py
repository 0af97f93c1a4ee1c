"""Every behaviour that ends well, in one program; the tests change its settings between the runs."""

import json
import os
from typing import Any

import pulumi
from pulumi_command import local, remote

S = json.loads(os.environ["CONFORMANCE"])
JOURNAL = S["journal"]


def connect(**changes: Any) -> remote.ConnectionArgs:
    """The connection to the test's sshd."""
    right = {name: S[name] for name in ("port", "user", "private_key", "host_key")}
    return remote.ConnectionArgs(**{"host": "127.0.0.1", **right, **changes})


CONNECTION = connect()
secret = pulumi.Output.secret(S["secret"])


def note(name: str, verb: str) -> str:
    """A command that writes what it is, and what the previous one said, into the journal."""
    return f'echo "{name} {verb} [$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR]" >> {JOURNAL}'


def journalled(name: str) -> dict[str, Any]:
    """The three commands; what they print tells them apart."""
    return {
        "create": f"echo {name}-created; echo {name}-warned >&2; {note(name, 'create')}",
        "update": f"echo {name}-updated; {note(name, 'update')}",
        "delete": note(name, "delete"),
    }


basic = local.Command("basic", create="echo one; echo two >&2; echo three; echo four >&2")
local.Command("dependent", create=pulumi.Output.concat("echo after ", basic.stdout.apply(lambda text: text.split()[0])))
local.Command("stdin", create="cat", stdin="line 1\nline 2\n")
local.Command("no-stdin", create="cat; echo end")
local.Command("no-create", delete=note("no-create", "delete"))
local.Command("environment", create="echo $CONFORMANCE_A", environment={"CONFORMANCE_A": "value of a"})
local.Command("interpreter", create="print(6 * 7)", interpreter=["python3", "-c"])
local.Command("directory", create="pwd", dir=S["folder"])
local.Command("not-utf8", create=r"printf 'a\377b'")
local.Command("long", create="seq 1 100000", logging=local.Logging.NONE)

for mode in local.Logging:
    local.Command(f"log-{mode.value}", create=f"echo OUT-{mode.value}; echo ERR-{mode.value} >&2", logging=mode)

local.Command("secret-input", create='test "$K" = "$(cat)" && echo equal', environment={"K": secret}, stdin=secret)
local.Command(
    "secret-output",
    create=f"echo {S['plain_secret']}",
    logging=local.Logging.NONE,
    opts=pulumi.ResourceOptions(additional_secret_outputs=["stdout"]),
)
local.Command("secret-repeated", create='echo "the key is $K"', environment={"K": secret})

digest = {"CONFORMANCE_DIGEST": S["digest"]}
local.Command("updated", environment=digest, **journalled("updated"))
local.Command(
    "updated-by-create",
    create=f"echo created with $CONFORMANCE_DIGEST; {note('updated-by-create', 'create')}",
    delete=note("updated-by-create", "delete"),
    environment=digest,
)
local.Command("replaced", triggers=[S["trigger"]], **journalled("replaced"))
local.Command(
    "no-previous",
    create="echo said before",
    update='echo "[$PULUMI_COMMAND_STDOUT]"',
    environment=digest,
    add_previous_output_in_env=False,
)

remote.Command("r-basic", connection=CONNECTION, create="echo one; echo two >&2; echo $SSH_CONNECTION | wc -w")
remote.Command("r-stdin", connection=CONNECTION, create="cat", stdin="line 1\nline 2\n")
remote.Command("r-no-stdin", connection=CONNECTION, create="cat; echo end")
remote.Command("r-environment", connection=CONNECTION, create="echo $CONFORMANCE_A", environment={"CONFORMANCE_A": "a"})
remote.Command("r-updated", connection=CONNECTION, environment=digest, **journalled("r-updated"))
remote.Command("r-replaced", connection=CONNECTION, triggers=[S["trigger"]], **journalled("r-replaced"))
remote.Command("r-late", connection=connect(port=S["late_port"], dial_error_limit=5), create="echo in")
remote.Command("r-log-none", connection=CONNECTION, create="echo OUT-r-none", logging=remote.Logging.NONE)
remote.Command(
    "r-log-stderr", connection=CONNECTION, create="echo OUT-r; echo ERR-r >&2", logging=remote.Logging.STDERR
)


def copied(name: str, source: pulumi.Asset | pulumi.Archive, to: str, **more: Any) -> None:
    """A copy to a path under the target folder."""
    path = f"{S['target']}/{to}"
    remote.CopyToRemote(name, connection=CONNECTION, source=source, remote_path=path, **more)


copied("c-file", pulumi.FileAsset(f"{S['source']}/leaf"), "new/folders/leaf")
copied("c-into", pulumi.FileAsset(f"{S['source']}/leaf"), "existing")
copied("c-text", pulumi.StringAsset(S["text"]), "text")
copied("c-folder", pulumi.FileArchive(S["source"]), "tree")
copied("c-contents", pulumi.FileArchive(S["source"] + "/"), "contents")
copied("c-trigger", pulumi.FileAsset(f"{S['source']}/leaf"), "triggered", triggers=[S["trigger"]])
