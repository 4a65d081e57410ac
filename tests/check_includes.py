"""Holds every #include of src, include and tests/unit against the table of layers in src/README.md's order.

A layer may include its own headers, those in include/taskbridge/<layer>/ of the layers that the table allows it, and
the libraries that are its own. Prints each breach as file:line and ends with 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What each layer may include beside itself.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "config": {"base", "core"},
    "io": {"base"},
    "amqp": {"base", "core", "io"},
    "pg": {"base", "io"},
    "store": {"base", "core", "io", "pg"},
    "hook": {"base", "core", "io"},
    "launch": {"base", "core", "config", "io", "amqp"},
    "daemon": {"base", "core", "config", "io", "pg", "amqp", "store", "hook", "launch"},
    "http": {"base", "core", "config", "io", "pg", "store", "hook"},
    "cli": {"base", "core", "config", "io", "pg", "amqp", "store", "hook", "launch", "console"},
    "console": {"base", "core", "config", "io", "pg", "store"},
}

# Who may include which library's headers. Those of the C library and the kernel are everybody's, but for PURE.
LIBRARIES = {
    r"jansson\.h": {"amqp", "cli", "http"},
    r"zlib\.h|bzlib\.h": {"core", "http"},
    r"yaml\.h": {"config"},
    r"rabbitmq-c/.*|amqp(_.*)?\.h": {"amqp"},
    r"libpq-fe\.h|libpq/.*": {"pg"},
    r"wslay/.*|cjose/.*|jose/.*": {"http"},
    r"openssl/.*": {"amqp", "store", "http", "cli"},
    r"curses\.h|ncurses.*\.h|panel\.h": {"console"},
    r"systemd/.*": {"io"},
    r"curl/.*": {"hook"},
}

# What a layer without input, output and clock has no business with.
PURE = {"core": r"(sys/(socket|epoll|stat|time|select|signalfd|timerfd)|unistd|fcntl|poll|signal|pthread|netdb)\.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def breach(layer, name):
    """Why a layer must not include this header, or None."""
    if name.startswith("taskbridge/"):
        other = name.split("/")[1]
        if other != layer and other not in LAYERS[layer]:
            return f"{layer} may not include {other}"
        return None
    for pattern, owners in LIBRARIES.items():
        if re.fullmatch(pattern, name) and layer not in owners:
            return f"{name} belongs to {', '.join(sorted(owners))}, not to {layer}"
    if layer in PURE and re.fullmatch(PURE[layer], name):
        return f"{layer} is pure and has no use for {name}"
    return None


def leaves_layer(path, layer, name):
    """Whether the header is named by its place in another layer's directory."""
    place = (path.parent / name).resolve()
    return name.startswith(("../", "src/")) and not place.is_relative_to(ROOT / "src" / layer)


def layer_of(path):
    """src/LAYER/…, include/taskbridge/LAYER/… ; tests may use what their layer may, and its own private headers."""
    parts = path.relative_to(ROOT).parts
    at = {"src": 1, "include": 2}[parts[0]]
    return parts[at] if len(parts) > at + 1 else None


def files():
    for top in ("src", "include"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            yield path


def main():
    found = 0
    for path in files():
        layer = layer_of(path)
        if layer not in LAYERS:
            print(f"{path.relative_to(ROOT)}: no layer called {layer}; the layers are {', '.join(LAYERS)}")
            found += 1
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            reason = match and breach(layer, match.group(1))
            if match and leaves_layer(path, layer, match.group(1)):
                reason = "another layer's header is not included by its place"
            if reason:
                print(f"{path.relative_to(ROOT)}:{number}: {reason}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
