"""count.py NAME REPORT RESULTS [AGAIN]: appends "NAME passed failed" to RESULTS, out of a JUnit report of pytest or ctest.

A program of cmocka's prints TAP, and each of its tests counts; a program that does not, or that dies before it has
reported a failure, counts as one. What failed in ctest is shown with its output; pytest has shown it already.

AGAIN is the report of a second attempt at what failed in REPORT: that attempt counts, and each test that needed it is
named, for it is one to mend.
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


def read(report):
    """Passed and failed, one pair a testcase, and the names of those that passed."""
    root = ElementTree.parse(report).getroot()
    count = count_pytest if root.tag == "testsuites" else count_program
    cases = [(count(case), case.get("name")) for case in root.iter("testcase")]
    return [counts for counts, _ in cases], [name for (passed, failed), name in cases if passed and not failed]


def main(name, report, results, again=None):
    counts, _ = read(report)
    passed, failed = (sum(column) for column in zip(*counts)) if counts else (0, 0)
    if again:
        counts, mended = read(again)
        print("".join(f"passed only at the second attempt: {test}\n" for test in mended), end="")
        passed, failed = passed + len(mended), failed - len(mended)
    with open(results, "a", encoding="utf-8") as file:
        file.write(f"{name} {passed} {failed}\n")
    return 0 if counts else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
