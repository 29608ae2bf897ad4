"""The trust report: one page a model version, in which every number is the ledger's."""
