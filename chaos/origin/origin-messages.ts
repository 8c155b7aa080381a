/** How an origin behaves. */
export interface Behaviour {
  /**
   * `down`: connections are reset. `hang`: no answer, ever. `refuse`: "not now", with
   * `retryAfterS`, if there is any. `fail`: an error of the server.
   */
  readonly mode: 'up' | 'down' | 'hang' | 'refuse' | 'fail';
  /** @default 500 */
  readonly status?: number;
  readonly retryAfterS?: number;
}

/** Of a request: id, time, address, path with query, and how long it blocks its origin, in ms. */
export type Arrived = readonly [
  id: number,
  at: number,
  address: string,
  url: string,
  blockMs: number,
];

/** Of a request: id, time, and whether it was answered. */
export type Ended = readonly [id: number, at: number, isAnswered: boolean];

/** What the origins have seen since they were last asked. */
export interface Happened {
  readonly arrivals: Arrived[];
  readonly ends: Ended[];
  /** Begin and end of the times in which the process got no CPU time. */
  readonly stalls: (readonly [from: number, to: number])[];
}

export type Order =
  | { readonly kind: 'behave'; readonly address: string; readonly behaviour: Behaviour }
  | { readonly kind: 'report'; readonly id: number };

export type Answer =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'happened'; readonly id: number; readonly happened: Happened };

/** Pages of a fetch, by the first segment of its path; others have one. */
export const PAGES: ReadonlyMap<string, number> = new Map([
  ['pages', 3],
  ['chain', 60],
]);
