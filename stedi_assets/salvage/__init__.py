"""Records out of any bytes: a library that imports nothing of the rest."""
