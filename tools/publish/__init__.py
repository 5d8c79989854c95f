"""What readers see and is made from the code: listings, notebooks, slides, pictures."""

import json
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")


def plots(path):
    """Yield each plot of a notebook: its cell's id, its title, and its PNG in Base64."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                data = output["data"]
                yield cell["id"], "".join(data["text/plain"]), data["image/png"].strip()
