"""Where everything came from and what became of it: versions by digest, edges by run."""
