"""One page with the tables of a lakehouse and the results of their checks, for people without access to it."""
