"""Seniors: register, assessment, enrolment, publicity, entitlements."""
