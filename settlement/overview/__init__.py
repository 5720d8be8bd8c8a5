"""What a town and the district look at: coverage against the scheme's targets, money by month, what waits for whom. It only reads."""
