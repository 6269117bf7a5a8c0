"""What the read-only commands share: queries, versions, differences and their output. Nothing here changes a table."""
