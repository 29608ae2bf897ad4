"""Questions about a raw dataset version that need no model."""
