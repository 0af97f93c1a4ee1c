"""A support bundle: what somebody needs who is to find a fault, and no secret and no prompt."""
