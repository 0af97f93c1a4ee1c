"""The rules that hold unless the owner takes one out: secrets and numbers of people. Examples are made up."""

from __future__ import annotations

from freehold.gateway.policy import addresses, entropy, numbers
from freehold.gateway.policy.rule import Rule
from freehold.gateway.policy.vendor_keys import VENDORS, WORD

BODY = "MIIEvQIBADANBgkqhkiG9w0"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
ASSIGN = rb"[a-z0-9_.-]{0,20}[\\\"'`]{0,4}\s{0,3}(?::=|=>|[=:]|\bis\b)\s{0,3}[\\\"'`]{0,4}"
NAMES = (
    rb"passw(?:or)?d|passwd|passwort|passphrase|\bpwd|secret|token|credential|api[_. -]?key"
    rb"|(?:access|auth|private|encryption|signing|account|client)[_. -]?key"
)

RULES = (
    Rule(
        "private-key",
        "A private key: PEM, PuTTY or WireGuard",
        rb"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY|PuTTY-User-Key-File-[0-9]|PrivateKey\s?=\s?[A-Za-z0-9+/]{43}=",
        yes=(
            f"-----BEGIN PRIVATE KEY-----\n{BODY}",
            f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}",
            f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}",
            f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{BODY}",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "PuTTY-User-Key-File-3: ssh-ed25519",
            f"PrivateKey = {WORD}{WORD[:11]}=",
        ),
        no=("-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "the private key lies in a safe"),
    ),
    Rule(
        "vendor-key",
        "A key or token with the prefix of a known vendor",
        rb"(?:^|[^A-Za-z0-9])(?:" + b"|".join(one.pattern for one in VENDORS) + rb")",
        yes=tuple(one.example for one in VENDORS),
        no=(
            "task-management-and-other-things",
            "sk-short",
            "ghp_123",
            "xoxo-love",
            "AIzaShort",
            "risk-adjusted-return-on-capital",
        ),
    ),
    Rule(
        "freehold-key",
        "A key of this endpoint",
        rb"(?:^|[^A-Za-z0-9])fh-[A-Za-z0-9_-]{43}",
        hint=b"fh-",
        yes=(f"fh-{WORD}{WORD[:11]}", f"Authorization: Bearer fh-{WORD}-_{WORD[:9]}"),
        no=("fh-short", "Bearer fh-..."),
    ),
    Rule(
        "jwt",
        "A JSON web token",
        rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]",
        hint=b"eyJ",
        yes=(JWT, f"Bearer {JWT}"),
        no=("eyJhbGciOiJIUzI1NiJ9", "eyJ.a.b"),
    ),
    Rule(
        "aws-key",
        "An AWS access key's id or secret",
        rb"(?:^|[^A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"
        rb"|(?i:aws.{0,20}(?:secret|key)).{0,20}[=:\"' ]{1,4}[A-Za-z0-9/+]{40}",
        yes=("AKIAIOSFODNN7EXAMPLE", f"aws_secret_access_key = {WORD}abCD12/+"),
        no=("AKIA", "MAKIAVELLI and AKIASHORT", "aws secretsmanager get-secret-value"),
    ),
    Rule(
        "assigned-secret",
        "Something random that is called a password, a secret, a token or a key",
        rb"(?i)(?:" + NAMES + rb")" + ASSIGN + rb"([^\s\"'`\\,;]{8,200})",
        validator=entropy.secret,
        yes=(
            "password = 'xK9$mQ2vLp7!'",
            "DB_PASSWORD: hV7kQz2pLw9x",
            '{"client_secret": "9f8a7b6c5d4e3f2a1b0c"}',
            '{\\"api_key\\": \\"Zx81Kq7Lm2Pw\\"}',
            "the password is Tr0ub4dor&3x",
            "export SECRET_TOKEN=kJ8hG5fD2sA9lQ",
            "auth.token => qZ3xW8cE5vR1bT6n",
        ),
        no=(
            "password = get_password_from_vault(user)",
            "password: ${DB_PASSWORD}",
            "token = os.environ['TOKEN']",
            "max_tokens: 4096",
            "the password is required here",
            "api_key=your_api_key_here",
            "secret: {{ vault_secret }}",
            "token: aaaaaaaaaaaaaa",
            "completion_tokens=123456789",
        ),
    ),
    Rule(
        "url-password",
        "A password in an address",
        rb"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,64}:[^\s/@\"'<>${}]{3,128}@",
        hint=b"://",
        yes=("postgres://app:hunter22@db/orders", "https://user:s3cr3t@host.lan/x", "redis://:abc123@10.0.0.1"),
        no=("https://host.lan:8443/a@b", "postgres://app:${PASSWORD}@db/orders", "ssh://git@host.lan/x"),
    ),
    Rule(
        "email",
        "An e-mail address",
        rb"(?i)[a-z0-9\x80-\xff][a-z0-9._%+'\x80-\xff-]{0,63}@(?:[a-z0-9\x80-\xff-]+\.)+[a-z\x80-\xff]{2,}",
        hint=b"@",
        validator=addresses.email,
        yes=("anna.schmidt@firma.de", "write to <o'neil+x@mail.firma.co.uk>.", "jörg@müller.de", "a@b.io"),
        no=("user@example.com", "git@github.com:a/b", "@app.route('/x')", "react@18.2.0", "a@b", "x@host.test"),
    ),
    Rule(
        "card",
        "A payment card's number",
        rb"[0-9](?:[ ._-]{0,2}[0-9]){12,}",
        validator=numbers.cards,
        yes=(
            "4111 1111 1111 1111",
            "card 5555555555554444.",
            "3782-822463-10005",
            "6011.1111.1111.1117",
            "order 1234 4111 1111 1111 1111",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "2223003122003222",
            "30569309025904",
            "3530111333300000",
        ),
        no=(
            "4111 1111 1111 1112",
            "1763740800000",
            "123456789012345678901234567890",
            "0000 0000 0000 0000",
            "4111 1111",
        ),
    ),
    Rule(
        "iban",
        "A bank account's number",
        rb"(?i)(?:^|[^a-z0-9])([a-z]{2}[0-9]{2})",
        validator=numbers.iban,
        yes=(
            "DE89 3704 0044 0532 0130 00",
            "gb82west12345698765432",
            "FR1420041010050500013M02606",
            "to NL91-ABNA-0417-1643-00.",
        ),
        no=("DE88 3704 0044 0532 0130 00", "GB82WEST1234569876543", "XX89370400440532013000", "utf8 md52 DE89"),
    ),
    Rule(
        "phone",
        "A telephone number in its international form",
        rb"(?:^|[^A-Za-z0-9+.])(?:\+|00)[1-9](?:[ ()./-]{0,3}[0-9]){7,13}",
        optional=True,
        yes=("+49 (0)89 1234567", "call 0044 20 7946 0958", "+1-202-555-0143"),
        no=("2+49", "1 + 4912345678", "0.0012345678"),
    ),
)
