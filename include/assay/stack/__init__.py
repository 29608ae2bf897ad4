"""The embedded stack: the production engines on one machine, from registry packages, without Docker or root."""
