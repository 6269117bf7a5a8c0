"""I/O managers say how an asset is stored and loaded."""
