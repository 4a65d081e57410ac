"""capture and replay: what passed the exchange, into a file and back."""

import json
import pathlib
import signal

import pytest

from harness import wait_until
from harness.process import program

EVENTS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "events"
LIFECYCLES = EVENTS / "celery-5.6-lifecycles.ndjson"


def lines_of(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def start_capture(site, *arguments):
    """A running capture that hears everything from here on; it ends by itself or is told to."""
    site.write_config()
    command = [*program("taskbridge"), "--config", str(site.config_file), "capture", *map(str, arguments)]
    process = site.spawn("capture", command, site.environment())
    process.wait_for("capturing exchange celeryev")
    return process


@pytest.mark.parametrize("name", ["celery-5.6-lifecycles.ndjson", "celery-5.6-faults.ndjson"])
def test_what_is_replayed_is_captured_as_it_was(site, name):
    published = lines_of(EVENTS / name)
    captured = site.directory / "captured.ndjson"
    process = start_capture(site, captured, "--count", len(published))
    done = site.cli("replay", EVENTS / name)
    assert done.stdout == f"{len(published)} deliveries published and confirmed\n"
    assert process.wait() == 0
    assert lines_of(captured) == published


def test_shuffled_and_doubled_deliveries_are_the_same_ones_twice(site):
    published = lines_of(LIFECYCLES)
    captured = site.directory / "captured.ndjson"
    process = start_capture(site, captured, "--count", 2 * len(published))
    done = site.cli("replay", LIFECYCLES, "--shuffle", "--duplicate", "--seed", 7)
    assert "shuffled with --seed 7" in done.stderr
    assert process.wait() == 0
    found = lines_of(captured)
    assert found != [line for line in published for _ in range(2)]
    assert sorted(map(json.dumps, found)) == sorted(2 * [json.dumps(line) for line in published])


def test_a_seed_gives_the_same_order_again(site):
    orders = []
    for number in range(2):
        captured = site.directory / f"captured-{number}.ndjson"
        process = start_capture(site, captured, "--count", len(lines_of(LIFECYCLES)))
        site.cli("replay", LIFECYCLES, "--shuffle", "--seed", 11)
        assert process.wait() == 0
        orders.append(lines_of(captured))
    assert orders[0] == orders[1] != lines_of(LIFECYCLES)


def test_control_c_ends_a_capture_with_what_came(site):
    captured = site.directory / "captured.ndjson"
    process = start_capture(site, captured)
    site.broker.publish(b"\xff\x00", "task.sent", headers={"n": 1, "deep": {"list": [1, None, "ñ"]}},
                        content_type="application/octet-stream", content_encoding="binary", delivery_mode=2)
    wait_until(lambda: captured.read_text(encoding="utf-8").count("\n") == 1, 20)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert lines_of(captured) == [{"routing_key": "task.sent", "content_type": "application/octet-stream",
                                   "content_encoding": "binary", "headers": {"n": 1, "deep": {"list": [1, None, "ñ"]}},
                                   "delivery_mode": 2, "body_base64": "/wA="}]
    # Its queue is gone with it.
    assert "taskbridge.capture" not in site.stack.command("rabbitmqctl", "-q", "list_queues", "-p", site.name,
                                                          "name").stdout


def test_bytes_that_are_no_text_are_replayed_too(site):
    site.broker.declare_queue()
    file = site.directory / "file.ndjson"
    file.write_text('{"routing_key": "task.sent", "body_base64": "/wA="}\n\n{"routing_key": "x", "body": ""}\n',
                    encoding="utf-8")
    assert json.loads(site.cli("replay", file, "--json").stdout) == {"confirmed": 2}
    assert site.broker.get().body == b"\xff\x00"
    assert site.broker.get().body in (b"", "")


def test_a_large_body_passes_both_ways(site):
    captured = site.directory / "captured.ndjson"
    process = start_capture(site, captured, "--count", "1")
    body = json.dumps({"traceback": "x" * 3_000_000})
    site.broker.publish(body, "task.failed")
    assert process.wait() == 0
    assert lines_of(captured)[0]["body"] == body
    site.broker.declare_queue()
    site.cli("replay", captured)
    assert site.broker.get().body == body


def test_an_existing_file_is_not_overwritten(site):
    file = site.directory / "there.ndjson"
    file.write_text("mine", encoding="utf-8")
    assert "File exists" in site.cli("capture", file, check=1).stderr
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_capture_ends_after_its_time(site):
    done = site.cli("capture", "-", "--seconds", 1)
    assert done.stdout == ""
    assert "0 deliveries" in done.stderr


def test_nothing_is_published_of_a_file_with_a_wrong_line(site):
    site.broker.declare_queue()
    file = site.directory / "file.ndjson"
    for wrong, why in [("x", "it is no JSON object"), ("[]", "it is no JSON object"),
                       ('{"body": "{}"}', "routing_key, a string, is missing"),
                       ('{"routing_key": "a"}', "body or body_base64, a string, is missing"),
                       ('{"routing_key": "a", "body_base64": "!"}', "body_base64 is no base64"),
                       ('{"routing_key": "a", "body": "", "headers": []}', "headers is no object")]:
        file.write_text('{"routing_key": "task.sent", "body": "{}"}\n' + wrong + "\n", encoding="utf-8")
        assert f"file.ndjson:2: {why}" in site.cli("replay", file, check=1).stderr
    assert site.broker.unsettled() == 0


def test_a_replay_that_nobody_hears_fails(site):
    done = site.cli("replay", LIFECYCLES, check=1)
    assert "no queue takes messages" in done.stderr
