"""Files as labs and other programs have them, by kind, and what must come of each."""
