# What a server says about itself, as one JSON object. POSIX sh, no root, nothing written: the server may be bare.
set -eu
. /etc/os-release
memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
folder=/var/lib/freehold
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
disk_kib=$(df -Pk "$folder" | sed -n '2p' | while read -r _ _ _ free _; do echo "$free"; done)
inodes=$(df -Pi "$folder" | sed -n '2p' | while read -r _ _ _ free _; do echo "$free"; done)
weights_kib=$( { du -sk /var/lib/freehold/weights/blobs 2>/dev/null || echo 0; } | { read -r kib _; echo "$kib"; })
init=$(cat /proc/1/comm 2>/dev/null || echo unknown)
case $inodes in ''|-) inodes=0 ;; esac
printf '{"os_id":"%s","os_version":"%s","codename":"%s","kernel":"%s","architecture":"%s","init":"%s",' \
  "${ID:-}" "${VERSION_ID:-}" "${VERSION_CODENAME:-}" "$(uname -r)" "$(uname -m)" "$init"
printf '"cpus":%s,"memory_bytes":%s,"disk_free_bytes":%s,"inodes_free":%s,"weights_bytes":%s}\n' \
  "$(nproc)" "$((memory_kib * 1024))" "$((disk_kib * 1024))" "$inodes" "$((weights_kib * 1024))"
