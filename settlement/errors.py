"""Broken invariants. These are bugs or tampering, never a user's fault: roll back, stop, and tell an operator."""


class BrokenInvariant(Exception):
    """The books or the program contradict themselves; nothing may be written on top of that."""
