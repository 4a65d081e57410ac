"""Waiting for what will be true, instead of sleeping for as long as it may take."""

import time


def wait_until(predicate, timeout=20, what="what the test waits for"):
    """The predicate's value as soon as it is true; an AssertionError that says what did not come, and the last value."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what} (the last value was {value!r})")
        time.sleep(0.02)
