"""What the commands that look at the lakehouse share. Nothing here writes to it."""
