"""Whom the lab's alerts reach: a real mail server and a real web hook, whose operator is a folder."""
