"""What auditors ask of a model, each question one pure function from ledger and lineage to a frozen answer."""
