"""Personal data: pseudonyms, tombstones, and the masking of messages."""
