import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { InputError, reasonOfFileError } from '../model/input-error.ts';
import { refuseNamedPipe } from '../model/named-pipe.ts';
import { isListFile, labelOf } from '../model/parameter-source.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';

/**
 * A hash of the parsed crawl file and of the contents of its list files: two crawls with the same
 * fingerprint expand to the same fetches. Comments and file times do not matter.
 *
 * @param local the same crawl with all its lists on this machine
 */
export async function fingerprintOf(crawl: Crawl, local: Crawl = crawl): Promise<string> {
  const hash = createHash('sha256');
  const { sources, combine, only } = crawl;
  // What a batch is compared with changes nothing of its fetches, and is found anew for each batch.
  const { comparedWith: _, ...plan } = crawl.plan;
  const parts = [plan, sources, combine, ...(only === undefined ? [] : [only])];
  hash.update(JSON.stringify(parts));
  for (const source of local.sources) {
    await addFile(hash, source);
  }
  return hash.digest('hex').slice(0, 32);
}

async function addFile(hash: Hash, source: ParameterSource): Promise<void> {
  if (!isListFile(source)) {
    return;
  }
  let bytes = 0;
  try {
    refuseNamedPipe(source.path);
    const chunks: AsyncIterable<Buffer> = createReadStream(source.path, { highWaterMark: 1 << 20 });
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    const message = `the list of "${labelOf(source)}" cannot be read: ${reasonOfFileError(cause)}`;
    throw new InputError([{ file: source.path, message }], { cause });
  }
  hash.update(`\n${labelOf(source)} ${bytes}\n`);
}
