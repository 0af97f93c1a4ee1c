import datetime as dt
import re
from pathlib import Path

from freehold.keys import overview, requests, revocation, roots, rotation
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import Clock


def states(folder: KeysFolder, clock: Clock) -> dict[str, str]:
    return {row.use if row.use != "leaf" else row.name: row.state for row in overview.rows(folder, clock)}


def test_what_is_due_expired_older_or_revoked_is_said(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    requests.answer(folder, identity(), request(), now=clock)
    assert set(states(folder, clock).values()) == {"ok"}
    clock.turn(days=61)
    assert states(folder, clock)["freehold://lab/node/gpu1"] == "due"
    clock.turn(days=200)
    assert states(folder, clock)["issuing"] == "due"
    clock.turn(days=110)
    assert states(folder, clock)["issuing"] == "expired"
    rotation.rotate(folder, "issuing", root, now=clock)
    assert [row.state for row in overview.rows(folder, clock) if row.use == "issuing"] == ["expired", "ok"]
    rotation.rotate(folder, "evidence", root, now=clock)
    assert [row.state for row in overview.rows(folder, clock) if row.use == "signing/evidence"] == ["older", "ok"]


def test_a_revoked_leaf_is_on_the_list_and_not_among_the_leaves(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    requests.answer(folder, identity(), request(), now=clock)
    rotation.revoke(folder, revocation.matching(folder, "gpu1", clock), "stolen", root, now=clock)
    document = overview.document(folder, clock)
    assert [one["reason"] for one in document["revoked"]] == ["stolen"]  # type: ignore[attr-defined]  # JSON
    assert "freehold://lab/node/gpu1" not in states(folder, clock)


def test_metrics_say_when_each_ends_and_where_the_root_is(
    folder: KeysFolder, secret: Passphrase, clock: Clock, tmp_path: Path
) -> None:
    requests.answer(folder, identity(), request(), now=clock)
    overview.write_metrics(folder, tmp_path / "keys.prom", clock)
    text = (tmp_path / "keys.prom").read_text()
    end = int((clock() + dt.timedelta(days=90)).timestamp())
    assert f'{overview.END}{{use="leaf",name="freehold://lab/node/gpu1"}} {end}\n' in text
    assert len(re.findall(rf"^{overview.END}\{{", text, re.MULTILINE)) == 7
    assert f"{overview.KEY_HERE} 1\n" in text
    roots.export(folder, tmp_path / "medium.pem", secret, remove=True, same_disk=True)
    assert f"{overview.KEY_HERE} 0\n" in overview.metrics(folder, clock)
