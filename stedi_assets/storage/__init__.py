"""Storage commits: where tables lie and how a version of one becomes current."""
