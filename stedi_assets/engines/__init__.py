"""Engines: what computes a query. DuckDB and Spark, behind one protocol."""
