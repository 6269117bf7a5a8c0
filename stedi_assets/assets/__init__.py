"""Assets say what: one function a table, its SELECT in its body."""
