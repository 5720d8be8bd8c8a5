"""Checks before payment: pure, set-based signals; what they find flags a visit or stops its payment."""
