"""Supervision: what people say about a service, and what follows."""
