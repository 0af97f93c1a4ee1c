# Turns an installed Debian or Ubuntu into a host that Ansible can work on, with packages from the bundle only.
# Runs as root over SSH, read from standard input (`sh -s`). The lines before this file set:
#   OPS_USER OPS_KEY BUNDLE_URL BUNDLE_KEY (armored OpenPGP public key)
# Repeatable: a second run changes nothing. What the host had as package sources is kept in $ASIDE.
set -eu

ASIDE=/var/backups/freehold/apt  # not under /etc: what is set aside is no configuration any more
KEY_FILE=/etc/freehold/bundle.asc
SOURCES=/etc/apt/sources.list.d/freehold.sources
LOG=/var/log/freehold-bootstrap.log
MESH_KEY=/etc/wireguard/freehold.key
OPS_HOME=/home/$OPS_USER

refuse() {
  # The shape of every error of Freehold: code, found, expected, fix.
  printf '%s %s\n  found:    %s\n  expected: %s\n  fix:      %s\n' "$1" "$(uname -n)" "$2" "$3" "$4" >&2
  exit 3
}

put() {
  # put FILE MODE < content: written beside and moved, and only when something differs.
  mkdir -p "$(dirname "$1")"
  cat > "$1.freehold-new"
  if cmp -s "$1.freehold-new" "$1" 2>/dev/null; then
    rm -f "$1.freehold-new"
  else
    mv -f "$1.freehold-new" "$1"
  fi
  chmod "$2" "$1"
}

operator() {
  # A key-only account: '*' is no password that exists, and unlike '!' it does not make sshd refuse the account.
  id -u "$OPS_USER" >/dev/null 2>&1 || useradd --create-home --home-dir "$OPS_HOME" --shell /bin/sh --password '*' "$OPS_USER"
  printf '%s freehold-operator\n' "$OPS_KEY" | put "$OPS_HOME/.ssh/authorized_keys" 600
  chmod 700 "$OPS_HOME/.ssh"
  chown -R "$OPS_USER:" "$OPS_HOME/.ssh"
}

sudo_rights() {
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$OPS_USER" > /run/freehold-sudoers
  visudo -cqf /run/freehold-sudoers || refuse BOOTSTRAP_SUDOERS "a rule that visudo rejects" "a valid rule" "report it"
  mkdir -p /etc/sudoers.d
  put /etc/sudoers.d/freehold-ops 440 < /run/freehold-sudoers
  rm -f /run/freehold-sudoers
}

set_sources_aside() {
  mkdir -p "$ASIDE"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ -f "$file" ] || continue
    case $file in "$SOURCES" | *.freehold-new) continue ;; esac
    mv -f "$file" "$ASIDE/$(basename "$file")"
  done
}

bundle_source() {
  . /etc/os-release
  printf '%s\n' "$BUNDLE_KEY" | put "$KEY_FILE" 644
  put "$SOURCES" 644 <<END
# Made by Freehold: the bundle is the only source of packages.
Types: deb
URIs: $BUNDLE_URL/apt
Suites: $VERSION_CODENAME
Components: main
Signed-By: $KEY_FILE
END
}

apt() {
  DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=120 \
    -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Dpkg::Options::=--force-confold "$@" >> "$LOG" 2>&1
}

tail_of_log() {
  sed -n '/./p' "$LOG" | tail -n 5 | tr '\n' '|'
}

packages() {
  : > "$LOG"
  # A host that was cut off in the middle of an installation is finished first.
  DEBIAN_FRONTEND=noninteractive dpkg --configure -a >> "$LOG" 2>&1 || true
  apt -o APT::Update::Error-Mode=any update ||
    refuse BOOTSTRAP_SOURCE "$(tail_of_log)" "a package list at $BUNDLE_URL/apt, signed by $KEY_FILE" \
      "build and serve the bundle on the control host; the whole output is in $LOG on the host"
  set -- python3 python3-apt wireguard-tools
  command -v sudo >/dev/null 2>&1 || set -- "$@" sudo
  apt --no-install-recommends install "$@" ||
    refuse BOOTSTRAP_PACKAGES "$(tail_of_log)" "packages $* from the bundle" \
      "add what is missing to the bundle; the whole output is in $LOG on the host"
}

mesh_key() {
  # Born here and stays here; what leaves is the public key, which every peer needs before the first of them converges.
  ( umask 077; mkdir -p "$(dirname "$MESH_KEY")"; [ -s "$MESH_KEY" ] || wg genkey > "$MESH_KEY" )
  wg pubkey < "$MESH_KEY"
}

main() {
  [ "$(id -u)" = 0 ] || refuse BOOTSTRAP_USER "user $(id -un)" "root" "set fleet:hosts[].user to a user with root's rights"
  mkdir -p /etc/freehold
  operator
  set_sources_aside
  bundle_source
  packages
  sudo_rights
  public=$(mesh_key)  # apart from the printf, which would hide that it failed
  printf '{"user":"%s","python":"%s","bundle_key_sha256":"%s","mesh_key":"%s"}\n' "$OPS_USER" \
    "$(python3 -c 'import platform; print(platform.python_version())')" "$(sha256sum "$KEY_FILE" | cut -c1-64)" "$public"
}

# One command on the last line: the shell has read everything before apt could eat the rest of standard input.
main </dev/null
