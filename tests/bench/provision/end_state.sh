# What a node is, one line a thing, for a digest: read as root over SSH (`sh -s`). Left out: what differs between two
# installations of the same thing (host keys, dates), what the arms use themselves, and what the system keeps for itself.
set -eu
export LC_ALL=C
cd /

find etc opt srv usr/local var/lib/bench -xdev \( -path usr/local/lib/freehold -o -path etc/.pwd.lock \
  -o -path etc/machine-id -o -path 'etc/ssh/ssh_host_*' -o -path 'etc/*-' -o -path etc/shadow -o -path etc/ld.so.cache \) \
  -prune -o -printf '%y %m %U %G %p %l\n' | sort
find etc opt srv usr/local var/lib/bench -xdev \( -path usr/local/lib/freehold -o -path etc/.pwd.lock \
  -o -path etc/machine-id -o -path 'etc/ssh/ssh_host_*' -o -path 'etc/*-' -o -path etc/shadow -o -path etc/ld.so.cache \) \
  -prune -o -type f -exec sha256sum {} + | sort

# The third field of shadow is a date.
cut -d: -f1,2,4- etc/shadow | sort
dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\n'
systemctl list-unit-files --no-legend --no-pager
systemctl is-active bench-1.service bench-2.service bench-3.service
# A masked unit may be "inactive" or "failed", by the order in which it was stopped and masked.
for unit in apt-daily.timer apt-daily-upgrade.timer; do systemctl is-active --quiet $unit && echo "$unit runs" || echo "$unit rests"; done
