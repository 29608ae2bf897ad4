"""Triton Inference Server: its model repository on disk, its V2 protocol, and the switch between versions."""
