"""Signed checkpoints kept outside the database, where who changes the log cannot change them too."""
