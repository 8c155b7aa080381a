/** An origin whose session was dropped costs a whole handshake, which is a few milliseconds. */
const MAX_SESSIONS = 1_000;

/** The TLS sessions that the next connections to the same hosts resume. */
export class TlsSessions {
  readonly #sessions = new Map<string, Buffer>();

  get(host: string): Buffer | undefined {
    return this.#sessions.get(host);
  }

  set(host: string, session: Buffer): void {
    // The one that was set last is the last to go.
    this.#sessions.delete(host);
    this.#sessions.set(host, session);
    if (this.#sessions.size > MAX_SESSIONS) {
      const [oldest = ''] = this.#sessions.keys();
      this.#sessions.delete(oldest);
    }
  }
}
