import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.append(str(HERE.parent.parent / "step4_huey"))  # all that is not in this folder
    os.environ.setdefault("VAR_DIR", str(HERE / "var"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "variant.settings")
    execute_from_command_line(sys.argv)
