"""What an auditor verifies: proofs, bundles and whole logs. Nothing here needs a database or the network."""
