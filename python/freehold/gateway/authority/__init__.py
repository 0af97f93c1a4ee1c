"""One gateway is the authority of the fleet's keys, counts and caps; the others follow it over the mesh.

- :mod:`messages`: what they say to each other. :mod:`desk`: the paths, for nodes only. :mod:`line`: the way there.
- :mod:`office` answers at the authority, :mod:`tally` adds up the day's tokens there.
- :mod:`follower` asks each second, :mod:`filing` is its ledger's part; :mod:`leases` asks for what may leave.
- :mod:`role` puts together what this gateway is, :mod:`metrics` tells how it goes.

Ledger work happens on one thread with its own connection (:mod:`ledger_thread`), never on the event loop.
"""
