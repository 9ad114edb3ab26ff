"""A backend's folder and its scripts."""
