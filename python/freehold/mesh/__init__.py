"""The private plane: a WireGuard mesh of nodes and control host, and the table of who may reach what on it."""
