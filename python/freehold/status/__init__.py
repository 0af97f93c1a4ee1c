"""What `freehold status` shows: facts read on each node, a timed probe, verdicts, energy and cost so far."""
