"""Erasing a customer from the raw files and from every version of every table, for good."""
