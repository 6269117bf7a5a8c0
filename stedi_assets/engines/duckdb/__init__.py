"""The DuckDB engine: queries in an in-memory database over Parquet and JSON files."""
