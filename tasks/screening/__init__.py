"""Detectors of rows that should not be trained on, one a file; each judges all rows on its own."""
