"""What an auditor sees: read-only pages over ledger and lineage. Who may look is the caller's to say."""
