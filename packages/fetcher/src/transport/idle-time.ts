/** How long an idle connection is kept, unless the origin announced a shorter time. */
const IDLE_CONNECTION_MS = 4_000;
/** How long before the origin would close a connection we do: a request may be on its way. */
const BEFORE_ORIGIN_MS = 2_000;
const ANNOUNCED = /(?:^|,)\s*timeout=(\d+)/i;

/**
 * How long a connection may be idle after an answer, in ms; 0 if it is not to be used again.
 *
 * @param keepAlive the header of this name, as RFC 2068 describes it in 19.7.1.1
 */
export function idleTimeMs(keepAlive: string | undefined): number {
  const seconds = keepAlive === undefined ? undefined : ANNOUNCED.exec(keepAlive)?.[1];
  return seconds === undefined
    ? IDLE_CONNECTION_MS
    : Math.max(0, Math.min(IDLE_CONNECTION_MS, Number(seconds) * 1_000 - BEFORE_ORIGIN_MS));
}
