"""Where raw bytes come from: one file a kind of source, all of them copied and hashed before anything is parsed."""
