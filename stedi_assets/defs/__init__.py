"""What Dagster sees: assets, checks, I/O managers, jobs, a sensor and schedules."""
