"""Files that commands leave, as Pulumi's assets; and the function that runs a command each time."""

import json
import os
from typing import Any

import pulumi
from pulumi_command import local, remote

S = json.loads(os.environ["CONFORMANCE"])
FOLDER = S["folder"]
RULES = ["**", "!**.secret"]

connection = remote.ConnectionArgs(
    host="127.0.0.1", **{name: S[name] for name in ("port", "user", "private_key", "host_key")}
)
left = local.Command(
    "left",
    create="echo left",
    dir=FOLDER,
    asset_paths=RULES if S["look"] else None,
    archive_paths=["sub/*"] if S["look"] else None,
    environment={"CONFORMANCE_DIGEST": S["digest"]},
)
local.Command("left-nothing", create="true", dir=FOLDER, asset_paths=["none"], archive_paths=["none"])
if S["look"]:
    found: Any = left.assets.apply(lambda assets: (assets or {})["sub/leaf"])
    remote.CopyToRemote("fed", connection=connection, source=found, remote_path=f"{S['target']}/fed")
    # The engine, not the plugin, gives the digests to what a program names itself.
    local.Command(
        "engine",
        triggers=[
            pulumi.FileAsset(f"{FOLDER}/leaf"),
            pulumi.AssetArchive({name: pulumi.FileAsset(f"{FOLDER}/{name}") for name in S["packed"]}),
        ],
    )

said = local.run(
    command="import os, sys; print(sys.stdin.read() + os.environ['A'] + os.getcwd()); print('warned', file=sys.stderr)",
    interpreter=["python3", "-c"],
    environment={"A": " a "},
    stdin="read",
    dir=FOLDER,
    asset_paths=["leaf"],
    archive_paths=["leaf"],
    logging=local.Logging.STDERR,
)
pulumi.export("stdout", said.stdout)
pulumi.export("stderr", said.stderr)
pulumi.export("command", said.command)
pulumi.export("assets", {name: getattr(asset, "path", None) for name, asset in (said.assets or {}).items()})
pulumi.export("archive", sorted(getattr(said.archive, "assets", {})))
local.run(command=f"echo run >> {S['journal']}")
pulumi.export("after", local.run_output(command=left.stdout.apply(lambda text: f"echo after {text}")).stdout)
secret = pulumi.Output.secret({"K": S["secret"]})
hidden = local.run_output(command="echo $K", environment=secret, logging=local.Logging.NONE)
pulumi.export("secret", hidden.stdout)
try:
    local.run(command="echo the reason >&2; exit 3")
except Exception as error:  # noqa: BLE001  whatever the SDK raises is what the test looks at
    pulumi.export("failed", str(error))
