"""Planted backdoors in finished image classifiers: found by the triggers that a model gives away, and taken out."""
