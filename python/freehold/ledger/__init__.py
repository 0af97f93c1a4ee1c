"""What the gateway must not forget: keys, who used what, and what left the fleet at which price.

One SQLite file a node, used by the gateway's process and by command-line tools at the same time. It knows no HTTP.

- :mod:`store` opens it, :mod:`place` says where it lies, :mod:`schema` what is in it, :mod:`clock` what time it is.
- :mod:`keys`, :mod:`declared` and :mod:`replication`: who may call, and how the other nodes hear of it.
- :mod:`usage` and :mod:`writer`: one row a request, and the totals of them; :mod:`quota`: each key's limits.
- :mod:`caps`, :mod:`frontier`, :mod:`leases` and :mod:`holdings`: what may leave. When in doubt, nothing.
- :mod:`day_tokens` and :mod:`followers`: what the authority knows of the other nodes, and they of one another.
- :mod:`audit` and :mod:`report`: do the sums agree, and what do they say.

Units everywhere: tokens and nano-USD as integers, times as UNIX milliseconds of the ledger's own clock, UTC.
"""
