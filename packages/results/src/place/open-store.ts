import type { Compression } from '../folder/layout.ts';
import { FolderStore } from '../store/folder-store.ts';
import type { ResultsStore } from '../store/store.ts';
import { Place } from './place.ts';

export interface OpenOptions {
  /** Holds the credentials of places that need some. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the path of a folder is relative to. */
  readonly cwd: string;
  /** How parts in a folder are compressed. @default not at all */
  readonly compression?: Compression;
}

/**
 * The store of a place. It connects to nothing yet. What S3 and PostgreSQL need is loaded only
 * where they are used: it takes much time and memory.
 *
 * @throws PlaceError
 */
export async function openStore(
  location: string,
  { env, cwd, compression }: OpenOptions,
): Promise<ResultsStore> {
  const { kind, url } = Place.parse(location, cwd);
  if (kind === 's3') {
    const { S3Store } = await import('../s3/index.ts');
    return new S3Store({ url, env });
  }
  if (kind === 'postgres') {
    const { PostgresStore } = await import('../postgres/index.ts');
    return new PostgresStore({ url, env });
  }
  return new FolderStore(url, compression === undefined ? {} : { compression });
}
