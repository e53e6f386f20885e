"""The journal read back: a stretch of time as columns, and the images that were kept."""
