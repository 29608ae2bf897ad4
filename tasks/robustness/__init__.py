"""How much an attacker can change the answers of a model that comes as a file."""
