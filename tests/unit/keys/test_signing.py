import json

import pytest

from freehold.errors import IntegrityError, RefusedError, UsageError
from freehold.keys import revocation, rotation, signing
from freehold.keys.files import KeysFolder
from freehold.keys.roots import RootKey

from .conftest import Clock

DATA = b"acceptance report"


def made(folder: KeysFolder, clock: Clock, purpose: str = "evidence") -> dict[str, str]:
    return signing.sign(folder.path, purpose, DATA, now=clock)


def test_a_signature_is_checked_with_the_root_alone(folder: KeysFolder, clock: Clock) -> None:
    signature = json.loads(signing.as_text(made(folder, clock)))
    trust = signing.Trust([entry.certificate for entry in folder.roots.entries()])
    assert signing.verify(trust, "evidence", DATA, signature) == signature["key_id"]


def test_changed_data_and_every_changed_field_are_found(folder: KeysFolder, clock: Clock) -> None:
    signature, trust = made(folder, clock), signing.trust_of(folder.path)
    with pytest.raises(IntegrityError):
        signing.verify(trust, "evidence", DATA + b".", signature)
    other = made(folder, clock, "weights")
    changed = [(field, "") for field in signature] + [(field, other[field]) for field in other]
    for field, value in changed:
        if value != signature[field]:
            with pytest.raises(IntegrityError):
                signing.verify(trust, "evidence", DATA, signature | {field: value})
    assert signing.verify(trust, "evidence", DATA, signature)


@pytest.mark.parametrize("other", [purpose for purpose in signing.PURPOSES if purpose != "evidence"])
def test_one_purposes_signature_is_none_for_another(folder: KeysFolder, clock: Clock, other: str) -> None:
    """Not even when the holder of one key writes the other purpose over it."""
    signature, trust = made(folder, clock), signing.trust_of(folder.path)
    with pytest.raises(IntegrityError):
        signing.verify(trust, other, DATA, signature)
    with pytest.raises(IntegrityError):
        signing.verify(trust, other, DATA, signature | {"purpose": other})
    entry = folder.signing("evidence").current()
    assert entry is not None
    forged = folder.signing(other).add(entry.certificate, entry.key_file.read_bytes())
    with pytest.raises(IntegrityError):
        signing.verify(trust, other, DATA, signing.sign(folder.path, other, DATA, now=clock))
    assert forged.id == entry.id


def test_a_new_key_signs_and_what_the_old_one_signed_still_holds(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    before = made(folder, clock)
    rotation.rotate(folder, "evidence", root, now=clock)
    after, trust = made(folder, clock), signing.trust_of(folder.path)
    assert before["key_id"] != after["key_id"]
    for signature in (before, after):
        assert signing.verify(trust, "evidence", DATA, signature)


def test_a_revoked_signing_key_is_refused_and_needs_the_root(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    signature = made(folder, clock)
    rotation.revoke(folder, revocation.matching(folder, "freehold://lab/signing/evidence", clock), "x", root, now=clock)
    with pytest.raises(IntegrityError) as refusal:
        signing.verify(signing.trust_of(folder.path), "evidence", DATA, signature)
    assert "revoked" in refusal.value.found
    with pytest.raises(RefusedError) as no_more:
        made(folder, clock)
    assert "which was revoked" in no_more.value.found
    assert f"freehold keys rotate evidence --folder {folder.path} --root FILE" in no_more.value.fix
    rotation.rotate(folder, "evidence", root, now=clock)
    assert made(folder, clock)["key_id"] != signature["key_id"]


def test_an_expired_key_does_not_sign_and_its_old_signatures_hold(folder: KeysFolder, clock: Clock) -> None:
    signature = made(folder, clock)
    clock.turn(days=1828)
    with pytest.raises(RefusedError):
        made(folder, clock)
    assert signing.verify(signing.trust_of(folder.path), "evidence", DATA, signature)


def test_an_unknown_purpose_is_a_mistake(folder: KeysFolder, clock: Clock) -> None:
    with pytest.raises(UsageError):
        made(folder, clock, "anything")
