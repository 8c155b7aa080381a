import type { ResultsStore } from '../store/store.ts';

export interface PostgresStoreOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE` */
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Records in a database. */
export class PostgresStore implements ResultsStore {
  readonly location: string;

  constructor({ url }: PostgresStoreOptions) {
    this.location = url;
  }

  sink(): never {
    throw this.#missing();
  }

  async probe(): Promise<never> {
    throw this.#missing();
  }

  async batches(): Promise<never> {
    throw this.#missing();
  }

  async manifest(): Promise<never> {
    throw this.#missing();
  }

  async measure(): Promise<never> {
    throw this.#missing();
  }

  async remove(): Promise<never> {
    throw this.#missing();
  }

  async checkOut(): Promise<never> {
    throw this.#missing();
  }

  #missing(): Error {
    return new Error('this place is not there yet');
  }
}
