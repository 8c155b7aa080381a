/** A set of whole numbers, one bit each. */
export class PositionSet {
  #bits = new Uint8Array(1024);

  add(position: number): void {
    const at = Math.floor(position / 8);
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (position % 8));
  }

  has(position: number): boolean {
    return ((this.#bits[Math.floor(position / 8)] ?? 0) & (1 << (position % 8))) !== 0;
  }
}
