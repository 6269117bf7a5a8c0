"""Reading the raw files of the landing zone."""
