"""Install what the commands need: `.venv`, the look at a machine, the bundle."""
