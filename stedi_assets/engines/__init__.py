"""The engines that run queries, DuckDB and Spark, behind one protocol."""
