"""The I/O managers, which store and load assets, and the metadata that they record."""
