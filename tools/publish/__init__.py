"""What readers see and is made from the code: listings, notebooks, slides, pictures."""

from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
