"""Training windows: which there are, how they are cut, and the file that holds them."""
