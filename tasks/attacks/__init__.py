"""Attacks on a model: each a function of model, rows and a frozen description of the attack."""
