"""Month and quarter: statements, adjustments, settlements, payment orders, explanations."""
