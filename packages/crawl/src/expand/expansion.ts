/** One fetch as the crawl file yields it. */
export interface Expansion {
  readonly index: number;
  /** One value per parameter, in the order of the plan. */
  readonly values: readonly string[];
  readonly origin: string;
}
