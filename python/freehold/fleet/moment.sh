# What holds at the moment of a visit only, as a second JSON object: nothing that a state should keep.
printf '{"clock":%s,"unfinished":"%s"}\n' "$(date +%s)" "$(base64 -w0 /etc/freehold/unfinished 2>/dev/null || :)"
