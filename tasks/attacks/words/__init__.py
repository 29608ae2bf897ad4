"""Attacks that reword texts so that people still read the same, by asking the model alone."""
