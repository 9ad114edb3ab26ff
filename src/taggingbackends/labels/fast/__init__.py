"""Reading the usual label files fast: numbers straight from the text into columns."""
