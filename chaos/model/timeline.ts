/** A fault while it was there. Times are milliseconds since 1970. */
export interface Span {
  readonly fault: string;
  readonly group: string;
  readonly from: number;
  /** Infinity while it is there. */
  to: number;
}

/** Milliseconds since 1970 by a clock that never goes back, as the origins use it. */
export function nowEpochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Which faults were there when. */
export class Timeline {
  readonly spans: Span[] = [];

  begin(fault: string, group: string): Span {
    const span = { fault, group, from: nowEpochMs(), to: Infinity };
    this.spans.push(span);
    return span;
  }

  end(span: Span): void {
    span.to = nowEpochMs();
  }

  /** Faults that were there at some time between. */
  during(from: number, to: number): readonly Span[] {
    return this.spans.filter((span) => span.from <= to && span.to >= from);
  }
}
