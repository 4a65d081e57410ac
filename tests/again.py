"""again.py REPORT: of the tests that failed in pytest's report, the ones to try once more, one id a line.

None, unless all that failed stand in again.txt, and three at most: then something else is wrong.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

TESTS = pathlib.Path(__file__).resolve().parent
MOST = 3


def listed():
    """FILE::TEST of each, with its reason."""
    lines = (TESTS / "again.txt").read_text(encoding="utf-8").splitlines()
    entries = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    for test in entries:
        path, _, function = test.partition("::")
        assert f"def {function}(" in (TESTS / path).read_text(encoding="utf-8"), f"again.txt: there is no test {test}"
        assert not test.startswith(("property/", "chaos/")), f"again.txt: {test} is never tried again"
    return entries


def failed(report):
    """FILE::TEST[CASE] of each."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            yield f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"


def main(report):
    tests, entries = list(failed(report)), listed()
    if len(tests) <= MOST and all(test.partition("[")[0] in entries for test in tests):
        print("".join(f"{TESTS / test}\n" for test in tests), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
