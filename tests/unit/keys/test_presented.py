"""Before any node is changed, all of them are judged by the certificate that they show."""

from freehold.errors import RefusedError
from freehold.keys import presented, requests, revocation, rotation
from freehold.keys.files import KeysFolder
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import SITE, Clock


def chain(folder: KeysFolder, clock: Clock, name: str, asked: str | None = None) -> str:
    return requests.answer(folder, identity(name), asked or request(), now=clock).chain


def codes(folder: KeysFolder, clock: Clock, shown: dict[str, str]) -> list[tuple[str, str]]:
    errors = presented.judge(folder.path, SITE, shown, now=clock)
    return sorted((error.subject, error.code) for error in errors)


def test_what_is_in_order_is_not_spoken_of(folder: KeysFolder, clock: Clock) -> None:
    """Own certificates, none yet, and one that has expired: the converge renews it."""
    shown = {"gpu1": chain(folder, clock, "gpu1"), "gpu2": chain(folder, clock, "gpu2"), "gpu3": ""}
    assert codes(folder, clock, shown) == []
    clock.turn(days=100)
    assert codes(folder, clock, shown) == []


def test_everything_that_is_wrong_comes_together(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    asked = request()
    own = chain(folder, clock, "gpu1", asked)
    shown = {name: chain(folder, clock, name) for name in ("gpu3", "gpu4")}
    rotation.revoke(folder, revocation.matching(folder, "gpu3", clock), "stolen", root, now=clock)
    shown |= {"gpu1": own, "gpu2": own, "gpu5": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}
    assert codes(folder, clock, shown) == [
        ("gpu2", "KEYS_OTHER_HOST"),
        ("gpu3", "KEYS_KEY_REVOKED"),
        ("gpu5", "KEYS_CERTIFICATE_DAMAGED"),
    ]
    (copied,) = presented.judge(folder.path, SITE, {"gpu2": own}, now=clock)
    assert copied.fix.startswith("freehold keys renew --new-key --host gpu2")


def test_a_key_that_two_nodes_hold_is_seen_in_the_ledger(folder: KeysFolder, clock: Clock) -> None:
    """The ledger of another day certified both; since then it is refused at the request already."""
    asked = request()
    shown = {"gpu1": chain(folder, clock, "gpu1", asked)}
    rows = (folder.path / "issued.jsonl").read_text().splitlines()
    twin = rows[-1].replace("node/gpu1", "node/gpu9").replace('"serial": "', '"serial": "1')
    (folder.path / "issued.jsonl").write_text("\n".join([*rows, twin, ""]))
    assert codes(folder, clock, shown) == [("gpu1", "KEYS_KEY_SHARED")]


def test_a_name_of_another_site_is_another_hosts(folder: KeysFolder, clock: Clock) -> None:
    (error,) = presented.judge(folder.path, "berlin", {"gpu1": chain(folder, clock, "gpu1")}, now=clock)
    assert isinstance(error, RefusedError)
    assert error.found == "the certificate of freehold://lab/node/gpu1"
