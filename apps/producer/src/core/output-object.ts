import type { Writable } from 'node:stream';
import { S3AddressError } from '@fetchfleet/results';
import type { S3Upload } from '@fetchfleet/results/s3';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';

/**
 * Writes an object of S3 completely or not at all. One that exists is replaced when the new one is
 * complete. After an error or a signal the server forgets what it got.
 *
 * @param url `s3://BUCKET/KEY`
 * @throws CommandError (exit 2) if it names no object; (exit 3) if the object cannot be written
 */
export async function writeOutputObject<T>(
  url: string,
  write: (out: Writable) => Promise<T>,
  env: Context['env'],
): Promise<T> {
  const { uploadTo } = await import('@fetchfleet/results/s3');
  const upload = begin(() => uploadTo(url, env));
  try {
    const result = await write(upload.out);
    await upload.finish();
    return result;
  } catch (error) {
    // A stream that was destroyed does not always say why.
    const failure = await upload.abort();
    throw failure === undefined
      ? error
      : new CommandError(failure.message, { code: 'OUTPUT_UNWRITABLE', cause: failure });
  }
}

/** The address may hold a password, so its error does not show it. */
function begin(action: () => S3Upload): S3Upload {
  try {
    return action();
  } catch (error) {
    if (error instanceof S3AddressError) {
      throw new CommandError(error.message, { code: 'INPUT_INVALID', cause: error });
    }
    throw error;
  }
}
