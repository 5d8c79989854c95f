class PermanentError(Exception):
    """Trying again would not help."""
