"""The frozen values that the stages hand to each other: numpy only, no torch, no files."""
