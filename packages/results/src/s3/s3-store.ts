import type { ResultsStore } from '../store/store.ts';

export interface S3StoreOptions {
  /** `s3://BUCKET/PREFIX` */
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Records in a bucket. */
export class S3Store implements ResultsStore {
  readonly location: string;

  constructor({ url }: S3StoreOptions) {
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
