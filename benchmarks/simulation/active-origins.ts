/**
 * The origins that have something to fetch, in typed arrays, so that a step costs only them.
 */
export class ActiveOrigins {
  /** By place. */
  readonly origins: Int32Array;
  /** Fetches that each may start in this step, by place. */
  readonly wants: Int32Array;
  /** Fetches of its turn that each has not started yet, by origin. */
  readonly open: Int32Array;
  /** When each last started something, or came, in seconds; by origin. */
  readonly servedAt: Float64Array;
  count = 0;
  /** By origin: whether it is in the list, and whether it has started nothing since it came. */
  readonly #isIn: Uint8Array;
  readonly #isNew: Uint8Array;

  constructor(origins: number) {
    this.origins = new Int32Array(origins);
    this.wants = new Int32Array(origins);
    this.open = new Int32Array(origins);
    this.servedAt = new Float64Array(origins);
    this.#isIn = new Uint8Array(origins);
    this.#isNew = new Uint8Array(origins);
  }

  add(origin: number, now: number): void {
    if (this.#isIn[origin] === 0) {
      this.#isIn[origin] = 1;
      this.#isNew[origin] = 1;
      this.servedAt[origin] = now;
      this.origins[this.count] = origin;
      this.count += 1;
    }
  }

  isNew(origin: number): boolean {
    return this.#isNew[origin] === 1;
  }

  serve(origin: number, end: number): void {
    this.servedAt[origin] = end;
    this.#isNew[origin] = 0;
  }

  /**
   * Lets those leave that have nothing pending. The others keep their order.
   *
   * @returns where what stood at a place stands now, or what followed it
   */
  dropIdle(pending: Int32Array, place: number): number {
    let [kept, moved] = [0, 0];
    for (let at = 0; at < this.count; at++) {
      moved = at === place ? kept : moved;
      const origin = this.origins[at] ?? 0;
      if (pending[origin] === 0) {
        this.#isIn[origin] = 0;
        this.open[origin] = 0;
      } else {
        this.origins[kept] = origin;
        kept += 1;
      }
    }
    this.count = kept;
    return moved;
  }
}
