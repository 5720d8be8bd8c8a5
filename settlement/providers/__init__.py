"""Providers: contracts, caregivers, devices, bans."""
