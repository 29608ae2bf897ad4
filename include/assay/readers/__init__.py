"""Built-in readers: fetched files in, record batches out, a file at a time and never a pickle."""
