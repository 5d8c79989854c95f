import os
import sys

from django.core.management import execute_from_command_line

try:
    import safeguards  # noqa: F401
    import timing  # noqa: F401
except ModuleNotFoundError as error:
    sys.exit(f"{error}: install the workshop's kit with 'python -m pip install ../kit'")

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
