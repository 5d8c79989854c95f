import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

if __name__ == "__main__":
    sys.path += [str(ROOT / "step4_huey"), str(ROOT / "kit")]  # all that is not in this folder
    os.environ.setdefault("VAR_DIR", str(HERE / "var"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "variant.settings")
    execute_from_command_line(sys.argv)
