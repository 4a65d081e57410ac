"""A DNS of a test's own for the project's programs (preload/names.c)."""

import os

from .process import program


def names_environment(names, delay_s=0):
    """Variables with which a program finds these names ({name: [address, …]}), each after so long."""
    delay = [f"{delay_s}s"] if delay_s else []
    listed = " ".join(f"{name}={','.join(delay + addresses)}" for name, addresses in names.items())
    return {"LD_PRELOAD": program("tests/names.so")[-1], "TB_NAMES": listed,
            # A build with sanitizers wants to be the first library, and need not.
            "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))}
