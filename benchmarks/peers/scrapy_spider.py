"""A spider that yields one item per page, without features that would only slow it down."""
import argparse
import json
import resource
import time

import scrapy
from scrapy.crawler import CrawlerProcess

parser = argparse.ArgumentParser()
parser.add_argument("--url")
parser.add_argument("--fetches", type=int)
parser.add_argument("--warm-up", type=int, default=0)
parser.add_argument("--concurrency", type=int)
parser.add_argument("--redis")
options = parser.parse_args()


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class ItemsSpider(scrapy.Spider):
    name = "items"
    seen = 0

    def start_requests(self):
        self.started = time.perf_counter()
        self.cpu = cpu_seconds()
        for number in range(options.fetches):
            yield scrapy.Request(options.url.replace("{n}", str(number)), dont_filter=True)

    def parse(self, response):
        self.seen += 1
        yield {"url": response.url, "status": response.status, "bytes": len(response.body)}

    def closed(self, reason):
        seconds = time.perf_counter() - self.started
        if self.seen != options.fetches:
            raise SystemExit(f"{self.seen} of {options.fetches} were fetched: {reason}")
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        cpu = (cpu_seconds() - self.cpu) * 1e6
        print(json.dumps({"fetches": self.seen, "seconds": seconds, "cpuMicros": cpu, "rssBytes": rss}))


process = CrawlerProcess(
    {
        "CONCURRENT_REQUESTS": options.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": options.concurrency,
        "COOKIES_ENABLED": False,
        "HTTPCOMPRESSION_ENABLED": False,
        "LOG_LEVEL": "ERROR",
        "REQUEST_FINGERPRINTER_IMPLEMENTATION": "2.7",
        "RETRY_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "TWISTED_REACTOR": "twisted.internet.epollreactor.EPollReactor",
    }
)
process.crawl(ItemsSpider)
process.start()
