"""Your own model: a classifier and its images become a reference set."""
