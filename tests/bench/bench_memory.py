"""The daemon's peak memory over a short and a long backlog: the queue's depth must not matter.

Numbers go to build/bench/memory.json.
"""

import backlog
import bench

DEPTHS = [50_000, 500_000]
WANTED_MIB = 32


def measure(benches, depth):
    with benches.site() as site:
        site.broker.declare_queue(arguments=bench.QUEUE_ARGUMENTS)
        backlog.publish(site, depth, 8)
        daemon = site.start_daemon(wait=False, **bench.QUIET)
        seconds = bench.seconds_until(lambda: bench.committed(site) >= depth, 300)
        rss = bench.peak_rss_mib(daemon.pid)
        daemon.terminate()
    return {"events": depth, "seconds": seconds, "peak_rss_mib": rss}


def main():
    with bench.benches() as benches:
        results = [measure(benches, depth) for depth in DEPTHS]
    print(f'{"events waiting":<22}{"peak RSS":>12}{"to stay below":>16}')
    for result in results:
        print(f'{result["events"]:<22,}{result["peak_rss_mib"]:>8.1f} MiB{WANTED_MIB:>12} MiB')
    bench.save("memory", {"results": results, "wanted_mib": WANTED_MIB})


if __name__ == "__main__":
    main()
