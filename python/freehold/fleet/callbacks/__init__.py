"""Ansible callback plugins of the converge."""
