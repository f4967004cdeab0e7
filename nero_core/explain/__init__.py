"""Why: channels against centroids, concepts with their reference images, evidence."""
