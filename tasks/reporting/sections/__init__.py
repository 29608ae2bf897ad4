"""One file an examination: its facts as blocks. A fact that none of them knows is still told, plainly."""
