"""Attacks that change a few columns of a row to values that the data know, by asking the model alone."""
