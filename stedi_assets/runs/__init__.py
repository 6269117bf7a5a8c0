"""Runs of Dagster: their executors, their processes, their history."""
