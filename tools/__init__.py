"""Commands around the five steps, one module each: `python -m tools.NAME`."""
