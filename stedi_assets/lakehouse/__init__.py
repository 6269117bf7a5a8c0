"""Tables by name: read, written and committed, without Dagster."""
