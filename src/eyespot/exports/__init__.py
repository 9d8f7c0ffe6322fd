"""A model outside of Python: one file or a folder, and the proof that it answers the same."""
