"""Tasks: examples from files, features for the model, losses, metrics and predictions."""
