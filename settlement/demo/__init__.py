"""The demo: a synthetic county lives through a quarter, on the real machinery."""
