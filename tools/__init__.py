"""Commands around the four steps, one module each: `python -m tools.NAME`."""
