"""Songbai: subsidised elderly care, from the published notice to the payment order."""
