"""Models made elsewhere, opened for gradient attacks: verified first, differentiable, checked against ONNX Runtime."""
