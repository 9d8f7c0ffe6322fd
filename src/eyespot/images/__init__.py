"""Bytes to pixels, and pixels to what a net sees."""
