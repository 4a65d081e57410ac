"""count.py NAME REPORT RESULTS: appends "NAME passed failed" to RESULTS, out of a JUnit report of pytest or ctest.

A program of cmocka's prints TAP, and each of its tests counts; a program that does not, or that dies before it has
reported a failure, counts as one. What failed in ctest is shown with its output; pytest has shown it already.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

SHOWN = 12000


def count_program(case):
    """Of one testcase of ctest's: passed, failed."""
    output = case.findtext("system-out") or ""
    passed = len(re.findall(r"^ok \d+", output, re.MULTILINE))
    failed = len(re.findall(r"^not ok \d+", output, re.MULTILINE))
    if case.get("status") == "run":
        return (max(passed, 1), 0)
    print(f"FAILED {case.get('name')}\n{output[-SHOWN:]}\n")
    return (passed, max(failed, 1))


def count_pytest(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return (0, 1)
    return (0, 0) if case.find("skipped") is not None else (1, 0)


def main(name, report, results):
    root = ElementTree.parse(report).getroot()
    count = count_pytest if root.tag == "testsuites" else count_program
    counts = [count(case) for case in root.iter("testcase")]
    passed, failed = (sum(column) for column in zip(*counts)) if counts else (0, 0)
    with open(results, "a", encoding="utf-8") as file:
        file.write(f"{name} {passed} {failed}\n")
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
