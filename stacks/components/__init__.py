"""Components of Freehold's stacks: one ComponentResource a file."""
