"""Recipes, batches, augmentation and the loop."""
