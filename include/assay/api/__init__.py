"""Assay's own HTTP API: health, metrics, the OpenLineage receiver, lineage walks and late labels."""
