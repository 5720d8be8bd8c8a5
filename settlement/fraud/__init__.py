"""Checks before payment: signals over a month's visits, payment stops, and a second person's decision on each."""
