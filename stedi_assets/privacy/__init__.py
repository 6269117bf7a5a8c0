"""What keeps persons out of sight: what the lower floors need of it."""
