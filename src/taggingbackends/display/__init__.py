"""Labels for people to look at: text for terminals, pictures, and a page for browsers."""
