"""Chaos uses the property tests' lives of tasks and their oracle."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "property"))
