"""What a model is examined for: clean accuracy, evasion, and the file itself."""
