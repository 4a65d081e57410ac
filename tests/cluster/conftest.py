"""A cluster of three brokers for the tests of this directory, which are run by hand and nightly: it takes a minute to
start, and its nodes are killed."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from brokers import Cluster  # noqa: E402


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    brokers = Cluster(tmp_path_factory.mktemp("cluster") / "brokers")
    yield brokers
    brokers.close()
