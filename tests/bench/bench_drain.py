"""How fast a backlog is drained and committed, beside a batching Python consumer in the same run.

Both find the same backlog in the same kind of queue; what is timed is from the start of the process to the commit of
the last event. Runs alternate, the median counts. Numbers go to build/bench/drain.json.
"""

import os
import statistics
import sys
import time

import backlog
import bench

RUNS = int(os.environ.get("TASKBRIDGE_BENCH_RUNS", "3"))
EVENTS = int(os.environ.get("TASKBRIDGE_BENCH_EVENTS", "100000"))
# Events a message, and what the ratio should reach.
CASES = [(8, 1.5), (1, 3.0)]


def prepare(site, per_message):
    site.broker.declare_queue(arguments=bench.QUEUE_ARGUMENTS)
    backlog.publish(site, EVENTS, per_message)


def drain_with_taskbridged(benches, per_message):
    with benches.site() as site:
        prepare(site, per_message)
        benches.checkpoint()
        began = time.monotonic()
        daemon = site.start_daemon(wait=False, **bench.QUIET)
        bench.seconds_until(lambda: bench.committed(site) >= EVENTS, 300)
        seconds = time.monotonic() - began
        rss = bench.peak_rss_mib(daemon.pid)
        rows = site.database.value("SELECT count(*) FROM background_task_trackers WHERE status = 'success'")
        assert rows == EVENTS // backlog.EVENTS_PER_TASK, rows
        daemon.terminate()
    return {"seconds": seconds, "events_per_second": EVENTS / seconds, "peak_rss_mib": rss}


def drain_with_peer(benches, per_message):
    with benches.site() as site:
        prepare(site, per_message)
        benches.checkpoint()
        began = time.monotonic()
        peer = site.spawn("peer", [sys.executable, str(bench.ROOT / "tests" / "bench" / "peer_consumer.py"),
                                   str(EVENTS)], site.environment(PYTHONPATH=str(bench.ROOT / "tests" / "integration")))
        assert peer.wait(600) == 0, peer.output()
        seconds = time.monotonic() - began
        rows = site.database.value("SELECT count(*) FROM peer_tasks WHERE status = 'success'")
        assert rows == EVENTS // backlog.EVENTS_PER_TASK, rows
    return {"seconds": seconds, "events_per_second": EVENTS / seconds}


def median(runs):
    return statistics.median(run["events_per_second"] for run in runs)


def main():
    numbers = {"events": EVENTS, "runs": RUNS, "cases": []}
    print(f'{f"{EVENTS:,} events":<22}{"taskbridged":>15}{"Python":>14}{"ratio":>8}{"to reach":>10}{"peak RSS":>11}',
          flush=True)
    with bench.benches() as benches:
        for per_message, wanted in CASES:
            ours, peers = [], []
            for _ in range(RUNS):
                ours.append(drain_with_taskbridged(benches, per_message))
                peers.append(drain_with_peer(benches, per_message))
            ratio = median(ours) / median(peers)
            rss = max(run["peak_rss_mib"] for run in ours)
            print(f"{per_message} a message{'':<11}{median(ours):>13,.0f}/s{median(peers):>12,.0f}/s{ratio:>8.2f}"
                  f"{wanted:>10.1f}{rss:>7.1f} MiB", flush=True)
            numbers["cases"].append({"events_per_message": per_message, "taskbridged": ours, "python": peers,
                                     "ratio": ratio, "wanted_ratio": wanted})
    bench.save("drain", numbers)


if __name__ == "__main__":
    main()
