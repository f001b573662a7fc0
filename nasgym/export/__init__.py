"""Networks as files that need no nasgym: PyTorch source, ONNX, TorchScript, JSON."""
