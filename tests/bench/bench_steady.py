"""A steady 20,000 events a second, alone and while 1,000,000 old rows are deleted.

What is promised is that the deletion slows the events by a tenth at most: beside it as many must be committed a second,
and they must not wait. A publisher of its own process sends lists of eight at an even pace; what is committed is what
the daemon counts in the same transactions. Numbers go to build/bench/steady.json.
"""

import multiprocessing
import os
import statistics
import time

import backlog
import bench
from harness.broker import CELERYEV, connect
from harness.process import program

RATE = int(os.environ.get("TASKBRIDGE_BENCH_RATE", "20000"))
OLD_ROWS = int(os.environ.get("TASKBRIDGE_BENCH_OLD_ROWS", "1000000"))
ALONE_SECONDS = 20
MOST_SECONDS = 150
EVENTS_PER_MESSAGE = 8
SETTLE_SECONDS = 2
WANTED = 0.9

# Tasks that ended two days ago, as their events left them.
FILL = """
INSERT INTO background_task_trackers (task_id, received_at, began_at, succeeded_at, result, runtime_s, name_at, name,
    rule_at, worker_at, worker, kwargs_at, kwargs, event_company_at, event_company, created_at, updated_at)
SELECT 'old-' || n, at, at + interval '1 s', at + interval '20 s', '''done''', 19, at, 'sii.sync_sii_documents_task',
    at, at, 'w1@host-a', at, '{}', at, (n %% 10000 + 1)::text, at, at
FROM generate_series(1, %s) n, LATERAL (SELECT now() - interval '2 days' + n * interval '10 ms' AS at) stamps"""


class Publisher:
    """Sends events evenly from another process, from start() to stop(). Its bodies are made before."""

    def __init__(self, url, seconds):
        self.sent, self.ready = multiprocessing.Value("q", 0), multiprocessing.Event()
        self.go, self.end = multiprocessing.Event(), multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, args=(url, seconds), daemon=True)
        self.process.start()
        assert self.ready.wait(300)

    def run(self, url, seconds):
        bodies = list(backlog.bodies(RATE * seconds, EVENTS_PER_MESSAGE))
        connection = connect(url)
        channel = connection.channel()
        self.ready.set()
        self.go.wait()
        began = time.monotonic()
        for number, body in enumerate(bodies):
            if self.end.is_set():
                break
            early = began + number * EVENTS_PER_MESSAGE / RATE - time.monotonic()
            if early > 0:
                time.sleep(early)
            channel.basic_publish(backlog.message(body), exchange=CELERYEV, routing_key="task.multi")
            self.sent.value += EVENTS_PER_MESSAGE
        channel.basic_get("taskbridge.events", no_ack=True)  # an answer: everything before it has arrived
        connection.close()

    def start(self):
        self.go.set()

    def stop(self):
        self.end.set()
        self.process.join(60)


def observe(site, publisher, goes_on):
    """Events sent and committed a second, and how long events wait: sent but not committed, over the rate."""
    began, waits = time.monotonic(), []
    sent, done = publisher.sent.value, bench.committed(site)
    while goes_on(time.monotonic() - began):
        time.sleep(0.1)
        waits.append((publisher.sent.value - bench.committed(site)) / RATE)
    seconds = time.monotonic() - began
    waits.sort()
    return {"seconds": seconds, "sent_per_second": (publisher.sent.value - sent) / seconds,
            "committed_per_second": (bench.committed(site) - done) / seconds,
            "wait_median_ms": statistics.median(waits) * 1000, "wait_p99_ms": waits[len(waits) * 99 // 100] * 1000}


def old_rows_left(site):
    return site.database.value("SELECT count(*) FROM background_task_trackers WHERE task_id LIKE 'old-%%'")


def measure(benches, seconds, with_cleanup):
    with benches.site() as site:
        site.database.execute(FILL, (OLD_ROWS,))
        site.database.execute("ANALYZE background_task_trackers")
        benches.checkpoint()
        site.start_daemon(**bench.QUIET)
        publisher = Publisher(site.amqp_url, seconds)
        publisher.start()
        time.sleep(SETTLE_SECONDS)
        if with_cleanup:
            cleanup = site.spawn("cleanup", [*program("taskbridge"), "--config", str(site.config_file), "cleanup",
                                             "completed", "--older-than", "1d"], site.environment())
            result = observe(site, publisher, lambda passed: cleanup.is_running() and passed < MOST_SECONDS)
            assert cleanup.wait(10) == 0, cleanup.output()
            assert old_rows_left(site) == 0
            result["deleted_per_second"] = OLD_ROWS / result["seconds"]
        else:
            result = observe(site, publisher, lambda passed: passed < ALONE_SECONDS)
        publisher.stop()
        bench.seconds_until(lambda: bench.committed(site) >= publisher.sent.value - EVENTS_PER_MESSAGE, 60)
    return result


def main():
    with bench.benches() as benches:
        alone = measure(benches, ALONE_SECONDS + 10, False)
        beside = measure(benches, MOST_SECONDS, True)
    ratio = beside["committed_per_second"] / alone["committed_per_second"]
    print(f'{f"{RATE:,} events/s":<36}{"committed":>12}{"waiting":>10}{"p99":>9}{"deleted":>12}{"ratio":>7}'
          f'{"to reach":>10}')
    for title, result in (("alone", alone), (f"while {OLD_ROWS:,} rows are deleted", beside)):
        end = (f'{result["deleted_per_second"]:>10,.0f}/s{ratio:>7.2f}{WANTED:>10.1f}'
               if "deleted_per_second" in result else "")
        print(f'{title:<36}{result["committed_per_second"]:>10,.0f}/s{result["wait_median_ms"]:>7.0f} ms'
              f'{result["wait_p99_ms"]:>6.0f} ms{end}', flush=True)
    bench.save("steady", {"rate": RATE, "old_rows": OLD_ROWS, "alone": alone, "beside": beside, "ratio": ratio,
                          "wanted_ratio": WANTED})


if __name__ == "__main__":
    main()
