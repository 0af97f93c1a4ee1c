"""Freehold: a private AI endpoint on hardware that its owner owns, and the proof of it."""

__version__ = "0.1.0"
