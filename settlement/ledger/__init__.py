"""The ledger: accounts with opaque owners, immutable transfers, holds. It knows no scheme, person or card."""
