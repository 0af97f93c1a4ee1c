"""The protocols that are spoken here: what each one's requests may say, and how its answers are counted and refused.

One object a path (:class:`freehold.gateway.api.base.Api`); the engines behind speak all of them, so bodies and answers
pass through, and only what an engine does not speak is translated (:mod:`freehold.gateway.api.engines`).
"""
