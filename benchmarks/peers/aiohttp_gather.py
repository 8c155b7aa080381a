"""aiohttp and asyncio.gather: loops that share one session and one iterator. Stores nothing."""
import argparse
import asyncio
import json
import resource
import sys
import time

import aiohttp

parser = argparse.ArgumentParser()
parser.add_argument("--url")
parser.add_argument("--fetches", type=int)
parser.add_argument("--warm-up", type=int, default=0)
parser.add_argument("--concurrency", type=int)
parser.add_argument("--redis")
parser.add_argument("--uvloop", action="store_true")
options = parser.parse_args()


async def fetch_loop(session, numbers):
    for number in numbers:
        async with session.get(options.url.replace("{n}", str(number))) as response:
            response.raise_for_status()
            await response.read()


async def fetch_all(session, fetches):
    numbers = iter(range(fetches))
    await asyncio.gather(*(fetch_loop(session, numbers) for _ in range(options.concurrency)))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def main():
    connector = aiohttp.TCPConnector(limit=options.concurrency, force_close=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        if options.warm_up:
            await fetch_all(session, options.warm_up)
        cpu = cpu_seconds()
        started = time.perf_counter()
        await fetch_all(session, options.fetches)
        seconds = time.perf_counter() - started
        cpu = cpu_seconds() - cpu
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"fetches": options.fetches, "seconds": seconds, "cpuMicros": cpu * 1e6, "rssBytes": rss}))


if options.uvloop:
    import uvloop

    uvloop.install()
sys.exit(asyncio.run(main()))
