"""Jobs, and the sensor and the schedules that start them."""
