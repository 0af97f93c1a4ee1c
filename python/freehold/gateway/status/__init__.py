"""The status page at the gateway, for keys that may see it: ``/status``, and ``/status.json`` for programs.

The page is made by the report service of a monitor's node. That node's gateway takes it from there over loopback
(:mod:`.ways`) and hands it to the other nodes' gateways over the mesh; these hand it to their clients. :mod:`.source`
keeps an answer for a moment and bounds how many are asked for at once; :mod:`.query` lets known parameters through, and
no others; :mod:`.page` knows who may see it, and what to say where there is none.
"""
