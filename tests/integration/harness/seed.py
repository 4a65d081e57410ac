"""Randomness that can be repeated."""

import os
import random
import time


def seeded():
    """A source of randomness; TASKBRIDGE_SEED repeats a run."""
    seed = int(os.environ.get("TASKBRIDGE_SEED", time.time_ns() % 10**9))
    print(f"seed {seed}: TASKBRIDGE_SEED={seed} repeats this run")
    return random.Random(seed)
