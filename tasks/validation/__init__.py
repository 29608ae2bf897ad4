"""What the validate step is made of."""
