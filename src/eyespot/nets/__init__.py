"""The networks, one per file; all of them stand in build.NETS."""
