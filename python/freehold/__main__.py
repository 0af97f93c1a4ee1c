"""``python -m freehold`` is the same as ``freehold``."""

from freehold.cli import main

if __name__ == "__main__":
    main()
