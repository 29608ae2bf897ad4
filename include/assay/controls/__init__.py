"""The control map: what frameworks demand of a model, and which signed statements evidence it, if any."""
