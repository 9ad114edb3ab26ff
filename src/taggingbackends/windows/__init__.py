"""Training windows: selection, cutting, and the training set file."""
