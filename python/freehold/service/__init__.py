"""What every long-running service of Freehold needs: its settings read, its supervisor told, its secret found."""
