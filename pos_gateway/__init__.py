"""What is used at the door and at the card: REST for devices and apps, ISO 8583 for terminals, the caregiver's app,
the card page."""
