"""Benchmarks: how fast the real calls are on the synthetic county, against the plainest thing the database could do instead."""
