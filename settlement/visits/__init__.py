"""Work orders, visits, their signed evidence, and the debits that pay them."""
