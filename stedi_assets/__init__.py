"""A lakehouse of Step Trainer readings as Dagster software-defined assets."""
