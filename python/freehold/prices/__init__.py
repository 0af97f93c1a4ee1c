"""What a call to a frontier provider costs: a pinned, compiled table and the owner's own contracts on top of it."""
