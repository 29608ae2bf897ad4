"""What people declared bad: signed declarations, those in force, and what they say against a model."""
