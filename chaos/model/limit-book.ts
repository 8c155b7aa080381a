import type { LimitSpan } from '../checks/limit-check.ts';
import type { Limits, OriginClass } from '../origin/origins.ts';
import { nowEpochMs } from './timeline.ts';

type OpenSpan = { -readonly [key in keyof LimitSpan]: LimitSpan[key] };

/** Which limits were in force at which host: those of the crawl files, and those set by hand. */
export class LimitBook {
  readonly #ofCrawls = new Map<string, Limits>();
  readonly #spans = new Map<string, OpenSpan[]>();
  readonly #unsure = new Set<string>();

  constructor(classes: readonly OriginClass[]) {
    for (const { hosts, limits } of classes) {
      for (const host of hosts) {
        this.#ofCrawls.set(host, limits);
        this.#spans.set(host, [{ limits, from: 0, to: Infinity }]);
      }
    }
  }

  get hosts(): readonly string[] {
    return [...this.#spans.keys()];
  }

  /** Hosts at which a limit that was set by hand may still be there. */
  get unsure(): readonly string[] {
    return [...this.#unsure];
  }

  spansOf(host: string): readonly LimitSpan[] {
    return this.#spans.get(host) ?? [];
  }

  /** Somebody sets a limit: from now on it may be there. */
  begin(host: string, limits: Limits): void {
    this.#unsure.add(host);
    this.#spans.get(host)?.push({ limits, from: nowEpochMs(), to: Infinity });
  }

  /** It is there: those of the crawl files are not. */
  confirm(host: string): void {
    const own = this.#ofCrawls.get(host);
    for (const span of this.#spans.get(host) ?? []) {
      if (span.limits === own) {
        span.to = Math.min(span.to, nowEpochMs());
      }
    }
  }

  /** Somebody unsets it: those of the crawl files may be there again. */
  reopen(host: string): void {
    const limits = this.#ofCrawls.get(host);
    if (limits !== undefined) {
      this.#spans.get(host)?.push({ limits, from: nowEpochMs(), to: Infinity });
    }
  }

  /** It is unset. */
  end(host: string): void {
    const own = this.#ofCrawls.get(host);
    this.#unsure.delete(host);
    for (const span of this.#spans.get(host) ?? []) {
      if (span.limits !== own) {
        span.to = Math.min(span.to, nowEpochMs());
      }
    }
  }
}
