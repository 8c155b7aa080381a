import { batchFolder } from '../folder/layout.ts';
import type { S3Address } from './address.ts';

/**
 * The objects of a place in a bucket:
 *
 *     <prefix>/.fetchfleet-results                     marker: the id of this place
 *     <prefix>/<batch>/batch.json                      manifest
 *     <prefix>/<batch>/part-<worker>-<n>.ndjson.zst    records of one flush
 *
 * Parts that are not compressed are read too: somebody may have copied a results folder here.
 */
const PART = /^part-[^\p{Cc}/]{1,80}-(\d{1,15})\.ndjson(?:\.zst)?$/u;

/** Whether the name of an object, without its folder, is that of a part. */
export function isPartName(name: string): boolean {
  return PART.test(name) && name.isWellFormed();
}

export class S3Layout {
  /** Empty, or with a slash at its end. */
  readonly root: string;

  constructor({ path }: S3Address) {
    this.root = path === '' ? '' : `${path}/`;
  }

  get marker(): string {
    return `${this.root}.fetchfleet-results`;
  }

  /** What all keys of a batch begin with. @throws InvalidIdError */
  folder(batch: string): string {
    return `${this.root}${batchFolder('', batch)}/`;
  }

  manifest(batch: string): string {
    return `${this.folder(batch)}batch.json`;
  }

  /** What the keys of all parts of a worker begin with, and perhaps those of others. */
  partsOf(batch: string, worker: string): string {
    return `${this.folder(batch)}part-${worker}-`;
  }

  part(batch: string, worker: string, number: number): string {
    return `${this.partsOf(batch, worker)}${number}.ndjson.zst`;
  }
}

/** The number in the key of a part; 0 if it is none. */
export function partNumber(key: string): number {
  const [, number = '0'] = PART.exec(key.slice(key.lastIndexOf('/') + 1)) ?? [];
  return Number(number);
}
