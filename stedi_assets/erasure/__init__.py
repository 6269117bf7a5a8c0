"""Erasing a customer: from the raw files, from every table and every version of it, and for good."""
