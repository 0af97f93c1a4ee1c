"""Is the system really its owner's? Facts are read in one place, judged in another."""
