"""The page as a folder that runs anywhere, and the proof in a browser that it answers the same."""
