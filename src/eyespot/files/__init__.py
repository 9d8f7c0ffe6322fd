"""Writing that survives a crash, tables, locks, and where things lie."""
