"""Varied copies of the training part on disk."""
