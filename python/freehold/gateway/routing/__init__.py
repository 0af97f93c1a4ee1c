"""Which runtime answers: this node's own, or another node's through that node's gateway."""
