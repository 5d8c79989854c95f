"""What shows the repository to those who don't clone it."""
