"""Locations on local disk and in buckets: files, the commits of Delta tables, and the lease of a lakehouse."""
