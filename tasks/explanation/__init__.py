"""Which inputs the answers of a model rest on."""
