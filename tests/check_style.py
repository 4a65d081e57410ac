"""What clang-format and clang-tidy do not see: sizes, file heads, typedefs, leftovers. Prints each as file:line."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

LONGEST_FILE = 900
LONGEST_FUNCTION = 80
HEAD = range(3, 16)
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gmtime|localtime|asctime|ctime|gets|alloca)"
                    r"\s*\(")
LOGS = re.compile(r"\btb_log\(([^;]*);", re.DOTALL)
DEPRECATED = re.compile(r"\bassert_(not_)?in_range\s*\(")
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE = re.compile(r"(^|[\s\"'=(])/(work|home|root)/")
TYPEDEF = re.compile(r"^typedef\s+(struct|enum|union)\b")
TEXT = (".c", ".h", ".py", ".sh", ".sql", ".md", ".yaml", ".yml", ".txt", ".json", ".js", ".css", ".html")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def without_comments(text):
    """The same lines, with comments and the contents of strings blanked."""

    def blank(match):
        found = match.group(0)
        return '""' if found[0] == '"' else "' '" if found[0] == "'" else re.sub(r"[^\n]", " ", found)

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.DOTALL)


def head(text):
    """How many lines the comment has that a .c opens with."""
    match = re.match(r"/\*.*?\*/|(//[^\n]*\n)+", text, re.DOTALL)
    return match.group(0).rstrip().count("\n") + 1 if match else 0


def functions(code):
    """(first line, lines) of each body that starts at a line's beginning or end."""
    start = None
    for number, line in enumerate(code.splitlines(), 1):
        if line == "{" or (line.endswith("{") and line[:1].isalpha() and "(" in line):
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None


def check_c(path, text):
    lines = text.splitlines()
    code = without_comments(text)
    top = path.relative_to(ROOT).parts[0]
    if len(lines) > LONGEST_FILE:
        yield 1, f"{len(lines)} lines, more than {LONGEST_FILE}"
    if path.suffix == ".c" and top == "src" and head(text) not in HEAD:
        yield 1, f"opens with a comment of {head(text)} lines, not {HEAD[0]} to {HEAD[-1]}"
    for number, line in enumerate(code.splitlines(), 1):
        if BANNED.search(line) and path.name != "banned.h":
            yield number, "calls a banned function"
        if DEPRECATED.search(line) and path.name != "check.h":
            yield number, "calls what cmocka 2 calls deprecated: see tests/unit/check.h"
        if TYPEDEF.match(line):
            yield number, "a typedef of a struct, an enum or a union"
    for call in LOGS.finditer(code) if top == "src" else ():
        if "TB_F_EVENT(" not in call.group(0):
            yield code.count("\n", 0, call.start()) + 1, "a line of the log that has no event"
    for number, length in functions(code):
        if length > LONGEST_FUNCTION:
            yield number, f"a function of {length} lines, more than {LONGEST_FUNCTION}"


def check_text(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if LEFTOVER.search(line):
            yield number, "something is left to be done"
        if MACHINE.search(line):
            yield number, "a path of one machine"
        if line != line.rstrip() and path.suffix != ".md":
            yield number, "trailing blanks"


def main():
    found = 0
    for path in tracked():
        name = path.relative_to(ROOT)
        if path.suffix not in TEXT or "fixtures" in name.parts or "corpus" in name.parts or path.samefile(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        checks = [check_text] + ([check_c] if path.suffix in (".c", ".h") else [])
        for check in checks:
            for number, complaint in check(path, text):
                print(f"{name}:{number}: {complaint}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
