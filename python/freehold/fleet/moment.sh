# What holds at the moment of a visit only, as a second JSON object: nothing that a state should keep.
as_base64() { base64 -w0 "$1" 2>/dev/null || :; }
printf '{"clock":%s,"unfinished":"%s","certificate":"%s"}\n' \
  "$(date +%s)" "$(as_base64 /etc/freehold/unfinished)" "$(as_base64 /etc/freehold/tls/node.crt)"
