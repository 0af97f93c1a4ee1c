import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.errors import RefusedError, UsageError
from freehold.keys import certificates, files, ledger, names, requests, revocation, rotation
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.keys.passphrase import Passphrase
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import Clock


def test_the_names_are_the_callers_and_the_nodes_own_word_counts_nothing(folder: KeysFolder, clock: Clock) -> None:
    given = Identity("lab", "node", "gpu1", ("10.85.0.11", "fd00::11", "10.85.0.11"), monitor=True)
    answer = requests.answer(folder, given, request(), now=clock)
    leaf, issuing = x509.load_pem_x509_certificates(answer.chain.encode())
    san = names.names_of(leaf)
    assert san.get_values_for_type(x509.DNSName) == ["gpu1", "gpu1.lab.freehold.internal"]
    assert [str(one) for one in san.get_values_for_type(x509.IPAddress)] == ["10.85.0.11", "fd00::11"]
    assert names.uris_of(leaf) == ["freehold://lab/node/gpu1", "freehold://lab/monitor/gpu1"]
    assert "whoever" not in leaf.subject.rfc4514_string()
    leaf.verify_directly_issued_by(issuing)


def test_a_certificate_that_serves_is_left_alone(folder: KeysFolder, clock: Clock) -> None:
    asked = request()
    first = requests.answer(folder, identity(), asked, now=clock)
    clock.turn(days=59)
    again = requests.answer(folder, identity(), asked, first.chain, now=clock)
    assert (again.status, again.chain) == ("current", first.chain)
    assert len([one for one in ledger.issued(folder) if one.name == "gpu1"]) == 1


def test_it_is_renewed_when_a_third_of_its_life_is_left(folder: KeysFolder, clock: Clock) -> None:
    asked = request()
    first = requests.answer(folder, identity(), asked, now=clock)
    clock.turn(days=61)
    assert requests.answer(folder, identity(), asked, first.chain, now=clock, dry_run=True).status == "due"
    again = requests.answer(folder, identity(), asked, first.chain, now=clock)
    assert again.status == "issued"
    assert again.not_after > first.not_after


def test_other_names_another_key_and_another_issuer_each_make_it_due(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    asked = request()
    first = requests.answer(folder, identity(), asked, now=clock).chain

    def reason(**changed: object) -> str:
        given = {"identity": identity(), "request": asked, "current": first} | changed
        return requests.answer(folder, **given, now=clock, dry_run=True).reason  # type: ignore[arg-type]  # by name

    assert reason() == ""
    assert reason(current="") == "no certificate yet"
    assert reason(identity=identity(addresses=("10.85.0.12",))) == "the names changed"
    assert reason(request=request()) == "it is of another key"
    rotation.rotate(folder, "issuing", root, now=clock)
    assert reason() == "another certificate issues now"


def test_a_chain_that_shows_another_issuer_is_mended(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    asked = request()
    first = requests.answer(folder, identity(), asked, now=clock).chain
    rotation.rotate(folder, "issuing", root, now=clock)
    leaf, issuer = x509.load_pem_x509_certificates(requests.answer(folder, identity(), asked, now=clock).chain.encode())
    old = x509.load_pem_x509_certificates(first.encode())[1]
    good, broken, short = (
        "".join(one.public_bytes(certificates.PEM).decode() for one in chain)
        for chain in ((leaf, issuer), (leaf, old), (leaf,))
    )
    for shown, status in ((good, "current"), (broken, "issued"), (short, "issued")):
        assert requests.answer(folder, identity(), asked, shown, now=clock).status == status


def test_what_is_signed_while_the_issuer_is_replaced_fits_together(
    folder: KeysFolder, root: RootKey, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replacement comes between question and lock: all that is written is of one issuer, and can be revoked."""
    real = files.locked

    @contextlib.contextmanager
    def late(folder_path: Path) -> Iterator[None]:
        monkeypatch.setattr(files, "locked", real)
        rotation.rotate(folder, "issuing", root, now=clock)
        with real(folder_path):
            yield

    monkeypatch.setattr(files, "locked", late)
    answer = requests.answer(folder, identity(), request(), now=clock)
    leaf, shown = x509.load_pem_x509_certificates(answer.chain.encode())
    leaf.verify_directly_issued_by(shown)
    (row,) = [one for one in ledger.issued(folder) if one.name == "gpu1"]
    assert row.issuer == files.key_id(shown.public_key())
    rotation.revoke(folder, revocation.matching(folder, "gpu1", clock), "x", root, now=clock)
    (own,) = [one for one in revocation.lists(folder) if one.issuer == shown.subject]
    assert own.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def test_nobody_waits_while_a_passphrase_is_typed(folder: KeysFolder, secret: Passphrase, clock: Clock) -> None:
    signed: list[str] = []

    def typing(*, new: bool) -> str:
        """While somebody types, a node asks: flock(2) would let the two wait for each other here."""
        with (folder.path / ".lock").open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        signed.append(requests.answer(folder, identity(), request(), now=clock).status)
        return secret(new=new)

    for what in ("issuing", "evidence", "root"):
        rotation.rotate(folder, what, RootKey(typing), now=clock)
    rows = revocation.matching(folder, "freehold://lab/signing/evidence", clock)
    rotation.rotate(folder, "issuing", RootKey(typing), now=clock, compromised=True)
    rotation.revoke(folder, rows[-1:], "x", RootKey(typing), now=clock)
    assert set(signed) == {"issued"}


def test_a_leaf_never_outlasts_its_issuer(folder: KeysFolder, clock: Clock) -> None:
    clock.turn(days=350)
    answer = requests.answer(folder, identity(), request(), now=clock)
    assert answer.not_after.startswith("2027-11-22")


def test_the_certificate_of_another_host_is_refused(folder: KeysFolder, clock: Clock) -> None:
    """A copied disk: the node called gpu2 shows the certificate of gpu1."""
    asked = request()
    first = requests.answer(folder, identity("gpu1"), asked, now=clock)
    for current, code in ((first.chain, "KEYS_OTHER_HOST"), ("", "KEYS_KEY_SHARED")):
        with pytest.raises(RefusedError) as refusal:
            requests.answer(folder, identity("gpu2"), asked, current, now=clock)
        assert refusal.value.code == code
        assert "renew --new-key --host gpu2" in refusal.value.fix


def test_a_revoked_key_is_never_certified_again(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    asked = request()
    first = requests.answer(folder, identity(), asked, now=clock)
    rotation.revoke(folder, revocation.matching(folder, "gpu1", clock), "stolen", root, now=clock)
    with pytest.raises(RefusedError) as refusal:
        requests.answer(folder, identity(), asked, first.chain, now=clock)
    assert refusal.value.code == "KEYS_KEY_REVOKED"
    assert requests.answer(folder, identity(), request(), now=clock).status == "issued"


def test_of_a_replaced_server_only_the_old_key_is_revoked(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    old, new = request(), request()
    first = requests.answer(folder, identity(), old, now=clock)
    requests.answer(folder, identity(), old, first.chain, now=clock, force=True)
    second = requests.answer(folder, identity(), new, now=clock)
    rows = revocation.matching(folder, "gpu1", clock, older=True)
    assert len(rows) == 2
    assert revocation.matching(folder, "freehold://lab/node/gpu1", clock, older=True) == rows
    with pytest.raises(UsageError):
        revocation.matching(folder, second.serial, clock, older=True)
    assert revocation.matching(folder, rows[0].serial, clock, older=True) == rows[:1]
    rotation.revoke(folder, rows, "replaced", root, now=clock)
    assert requests.answer(folder, identity(), new, second.chain, now=clock).status == "current"
    with pytest.raises(UsageError):
        revocation.matching(folder, "gpu1", clock, older=True)


@pytest.mark.parametrize(
    "text", ["", "no request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_what_is_no_request_is_refused(folder: KeysFolder, clock: Clock, text: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        requests.answer(folder, identity(), text, now=clock)
    assert refusal.value.code == "KEYS_REQUEST"


def test_a_key_on_another_curve_is_refused(folder: KeysFolder, clock: Clock) -> None:
    weak = ec.generate_private_key(ec.SECP224R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(weak, hashes.SHA256())
    with pytest.raises(RefusedError):
        requests.answer(folder, identity(), made.public_bytes(certificates.PEM).decode(), now=clock)


@pytest.mark.parametrize("name", ["", "GPU1", "gpu1/node/gpu2", "a b", "-a", "ü"])
def test_a_name_that_would_mean_something_else_in_a_uri_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        identity(name)


def test_blocks_of_a_stream_are_told_apart() -> None:
    text = "noise\n-----BEGIN A-----\n1\n-----END A-----\n-----BEGIN B C-----\n2\n-----END B C-----\n"
    assert sorted(requests.blocks(text + text)) == ["A", "B C"]
    assert requests.blocks(text + text)["A"].count("BEGIN") == 2
