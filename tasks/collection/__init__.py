"""What the collect step is made of."""
