"""Where the money comes from and stands: budgets, dedicated accounts, entries for the accountants, the end of a year."""
