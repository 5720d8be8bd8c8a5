"""Copies of a district that can be read again: made while posting goes on, encrypted, and restored beside to prove it."""
