"""The Spark engine: queries on one machine or on a cluster, over Parquet and JSON files."""
