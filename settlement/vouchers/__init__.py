"""The subsidy as vouchers: issuance, lapse, take-back, yearly cap."""
