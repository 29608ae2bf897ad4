"""What a model's answers give away about the rows it was trained on."""
