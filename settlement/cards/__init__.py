"""The citizen card: life cycle, tokens, own money."""
