"""The example product's commands: ``python3 -m demo.manage COMMAND``."""

import os
import sys

from django.core.management import execute_from_command_line


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
    # As if it had been called as a script: what Django prints then can be copied.
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    sys.argv[0] = "manage.py"
    main()
