"""Jobs, and what starts them: a sensor and schedules."""
