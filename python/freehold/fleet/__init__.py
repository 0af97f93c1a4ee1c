"""The fleet: what the owner wants, typed; the document that says it to Ansible; and converging a node to it.

``settings`` and ``reading``  the stack configuration, refused as a whole when it is wrong
``document``                  the contract with the inventory and the roles
``digest``                    what decides whether a node converges again
``converge``                  one ansible-playbook run for one node, under its lock
``preflight``                 a visit to every host before anything changes
"""
