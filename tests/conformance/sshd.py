"""Real OpenSSH servers on loopback ports, without a trace on the machine.

Debian's packages are downloaded, verified by apt, and only unpacked: the control host is nobody's server. Run by root,
sshd insists on a user of its own and a folder under /run; it finds both in a mount namespace that ends with it.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

from freehold.paths import cache_folder

PACKAGES = ("openssh-server", "libwrap0", "libnsl2", "libtirpc3")
START_LIMIT_SECONDS = 10

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 100
AcceptEnv CONFORMANCE_* PULUMI_COMMAND_STDOUT
Subsystem sftp internal-sftp
"""

# Only root can give a child other files in the places of /etc/passwd and /run.
PRIVATE_WORLD = """\
set -e
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mount -t tmpfs none /run
mkdir -m 0755 /run/sshd
shift
exec "$@"
"""


@dataclass(frozen=True)
class SshServer:
    """A running server: ``host_key`` is what a stack pins, ``private_key`` lets its user in, so may ``password``."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    host_key: str
    private_key: str
    user: str
    password: str = ""

    @property
    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=START_LIMIT_SECONDS)


def unpacked() -> Path:
    """The folder with sshd's files; downloaded once into the cache."""
    folder = cache_folder() / "conformance" / "sshd"
    if folder.is_dir():
        return folder
    work = folder.with_suffix(".unfinished")
    shutil.rmtree(work, ignore_errors=True)
    (work / "debs").mkdir(parents=True)
    work.chmod(0o755)
    download = ["apt-get", "download", "-qq", *PACKAGES]
    if subprocess.run(download, cwd=work / "debs", check=False).returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)  # the lists of a fresh or an old machine
        subprocess.run(download, cwd=work / "debs", check=True)
    for package in (work / "debs").iterdir():
        subprocess.run(["dpkg-deb", "--extract", package, work / "root"], check=True)
    (work / "root").rename(folder)
    shutil.rmtree(work)
    return folder


def make_key(file: Path) -> str:
    """A new key pair; returns the public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file], check=True)
    return file.with_suffix(".pub").read_text().strip()


def encrypted(server: SshServer, passphrase: str) -> str:
    """The server's user key, for which one needs to know a passphrase."""
    file = server.folder / "encrypted_key"
    file.write_text(server.private_key)
    file.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", file], check=True)
    return file.read_text()


def start(folder: Path, *, settings: str = "", password: str = "") -> SshServer:
    """Start a server whose keys and settings lie in ``folder``; ends with its process.

    ``settings`` come before the usual ones, and sshd keeps the first. Only root can give its user a ``password``.
    """
    host_key, user_key = make_key(folder / "host_key"), make_key(folder / "user_key")
    (folder / "authorized_keys").write_text(user_key + "\n")
    port, root = free_port(), unpacked()
    (folder / "sshd_config").write_text(settings + CONFIGURATION.format(port=port, folder=folder))
    libraries = ":".join(str(path) for path in root.glob("**/x86_64-linux-gnu") if path.is_dir())
    server = [str(root / "usr/sbin/sshd"), "-D", "-e", "-f", str(folder / "sshd_config")]
    process = subprocess.Popen(
        [*_private_world(folder, password), *server],
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        stderr=(folder / "sshd.log").open("wb"),
    )
    _await(process, port, folder / "sshd.log")
    key = (folder / "user_key").read_text()
    own = password if os.geteuid() == 0 else ""
    return SshServer(folder, process, port, host_key, key, getpass.getuser(), own)


def _private_world(folder: Path, password: str) -> list[str]:
    if os.geteuid() != 0:
        return []
    me = pwd.getpwuid(0)
    (folder / "passwd").write_text(f"{Path('/etc/passwd').read_text()}sshd:x:74:65534::/run/sshd:/usr/sbin/nologin\n")
    shadow = f"{me.pw_name}:{_hash(password) if password else '*'}:19000:0:99999:7:::\nsshd:!:19000::::::\n"
    (folder / "shadow").write_text(shadow)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", PRIVATE_WORLD, "sh", str(folder)]


def _hash(password: str) -> str:
    words = ["openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(words, input=password, capture_output=True, text=True, check=True).stdout.strip()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server greets."""
    for _ in range(START_LIMIT_SECONDS * 20):
        assert process.poll() is None, log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_LIMIT_SECONDS) as connection:
                assert connection.recv(8).startswith(b"SSH-2.0"), log.read_text()
                return
        except ConnectionRefusedError:
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(log.read_text())
