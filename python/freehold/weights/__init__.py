"""Model weights by their digest: a store, the rules for what may enter it, and the ways in.

``manifest``  what a model consists of, each file with its digest
``rules``     what a model folder may hold: tensors and their tables, never code
``store``     blobs by digest, models as trees of hard links to them
``fetch``     from a bundle's web server into a node's store
``owned``     from the owner's disk into the store beside a bundle
``catalogue`` the lab's models and how they are made (control host only)
"""
