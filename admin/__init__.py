"""What government and providers use in an office; one blueprint per desk."""
