import { createReadStream } from 'node:fs';
import { failedHead, type FailureGroup, FailureGroups } from './failure-groups.ts';
import { batchFolder, listParts } from '../folder/layout.ts';
import { readManifest } from '../folder/manifest.ts';
import { linePrefix, readIndex, readRank, splitBody } from '../folder/record-line.ts';

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;
/** Of a line that is longer only so much is kept: what matters stands before the body. */
const MAX_LINE_BYTES = 4 * CHUNK_BYTES;

interface FailuresOptions {
  /** Results folder. */
  readonly dir: string;
  readonly batch: string;
  /** Fetches of the batch, where the manifest does not know. */
  readonly total?: number;
  readonly signal?: AbortSignal;
}

/**
 * Groups the failed fetches of a batch by origin and reason, the most frequent first. Of every fetch the record counts that an export
 * would put out. Memory: 13 bytes for each fetch, and the groups.
 *
 * @throws NoResultsError if there is no such folder
 */
export async function findFailures(options: FailuresOptions): Promise<FailureGroup[]> {
  const { dir, batch } = options;
  const parts = await listParts(batchFolder(dir, batch));
  const manifest = await readManifest(dir, batch);
  const known = manifest !== undefined && manifest.total > 0 ? manifest.total : options.total;
  const scan = { parts, batch, total: known ?? Number.MAX_SAFE_INTEGER, signal: options.signal };
  const groups = new FailureGroups();
  await scanRecords(scan, {
    onOk: (index) => groups.succeeded(index),
    onFailure: (line) => {
      const head = failedHead(parsed(line));
      if (head !== undefined) groups.failed(head);
      return true;
    },
  });
  await scanRecords(scan, {
    onOk: () => undefined,
    onFailure: (line) => {
      const head = groups.isComplete ? undefined : failedHead(parsed(line));
      if (head !== undefined) groups.offerExample(head);
      return !groups.isComplete;
    },
  });
  return groups.list();
}

interface Scan {
  readonly parts: readonly string[];
  readonly batch: string;
  readonly total: number;
  readonly signal: AbortSignal | undefined;
}

interface Visitor {
  onOk(index: number): void;
  /** @returns false if nothing more needs to be read */
  onFailure(line: Buffer): boolean;
}

async function scanRecords(scan: Scan, visitor: Visitor): Promise<void> {
  for (const path of scan.parts) {
    if (!(await scanPart(path, scan, visitor))) return;
  }
}

/** @returns false if the visitor has had enough */
async function scanPart(path: string, scan: Scan, visitor: Visitor): Promise<boolean> {
  const visit = lineVisitor(scan, visitor);
  const { signal } = scan;
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(signal && { signal }) });
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const piece of stream) {
    const chunk: Buffer = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece));
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, end);
      const line = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
      rest = [];
      restBytes = 0;
      from = end + 1;
      if (line.at(-1) === CLOSING_BRACE && !visit(line)) return false;
    }
    const left = chunk.subarray(from);
    if (left.length === 0) continue;
    // The end of a very long line is kept as well: it tells whether the line is whole.
    if (restBytes > MAX_LINE_BYTES) rest.pop();
    rest.push(left);
    restBytes += left.length;
  }
  return true;
}

/** Looks at one line, without its newline. @returns false if nothing more needs to be read */
function lineVisitor({ batch, total }: Scan, visitor: Visitor): (line: Buffer) => boolean {
  const prefix = linePrefix(batch);
  return (line) => {
    const index = readIndex(line, 0, prefix);
    if (index < 0 || index >= total) return true;
    if (readRank(line)?.isOk !== true) return visitor.onFailure(line);
    visitor.onOk(index);
    return true;
  };
}

/** The fields before the body. A damaged line is none. */
function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(splitBody(line).head);
  } catch {
    return undefined;
  }
}
