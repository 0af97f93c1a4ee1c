"""A stand-in for a frontier provider, in the lab's outside: real HTTPS and both protocols, and no model behind it."""
