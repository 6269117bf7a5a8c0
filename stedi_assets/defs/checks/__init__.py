"""Asset checks: how one is made, those of each table, those of the training tables."""
