"""Declaring something bad: what is meant, what was made of it, and what is done about it."""
