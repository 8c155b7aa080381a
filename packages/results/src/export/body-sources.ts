import { type BodyPlace, parseBodyPlace, parseValidators } from '@fetchfleet/crawl';
import { ResultsNotFoundError, ResultsUnreadableError } from '../folder/errors.ts';
import { firstManifest, type Manifest } from '../folder/manifest.ts';
import { splitBody } from '../folder/record-line.ts';
import { parseHead, type RecordHead } from './parsed-row.ts';
import { RecordTable, type RecordTableOptions } from './record-table.ts';

/** Batches whose parts are open at once. */
const MAX_OPEN = 8;

/** Keys that describe a body; they come with it. */
const ABOUT_BODY = ['selected', 'charset', 'bodyEncoding'] as const;

/** Records of an earlier batch whose bodies are not there any more. */
export interface MissingBodies {
  readonly batch: string;
  readonly records: number;
  /** Why, as it goes on behind the id of the batch. */
  readonly reason: string;
}

interface Source {
  readonly table: RecordTable | undefined;
  /** Set if there is no table. */
  readonly problem?: string;
}

interface SourceOptions extends Pick<RecordTableOptions, 'dirs' | 'signal'> {
  /** Of the batch that is read. */
  readonly manifest: Manifest | undefined;
  /** Whether only a few records are read. */
  readonly isNarrow: boolean;
}

/** Takes the bodies of unchanged records from the batches that have them. */
export class BodySources {
  readonly #options: SourceOptions;
  readonly #sources = new Map<string, Source>();
  /** Tables that were used last, the latest at the end. */
  readonly #open = new Set<RecordTable>();
  readonly #missing = new Map<string, { records: number; readonly reason: string }>();

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  get missing(): readonly MissingBodies[] {
    return [...this.#missing].map(([key, counted]) => ({
      batch: key.split(' ')[0] ?? '',
      ...counted,
    }));
  }

  /**
   * @param line without its newline
   * @param place where its body is
   * @returns the same record with the body, and a newline; undefined if the body is not there
   */
  async fill(line: Buffer, place: BodyPlace): Promise<Buffer | undefined> {
    const { table, problem } = await this.#sourceOf(place);
    const found = await table?.readLine(place.index);
    const filled = found === undefined ? undefined : filledLine(line, found);
    if (filled === undefined) {
      this.#miss(place.batch, problem ?? 'has no such record any more');
    }
    return filled;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(async ({ table }) => table?.stop()));
    this.#sources.clear();
  }

  async #sourceOf({ batch, index }: BodyPlace): Promise<Source> {
    const { isNarrow } = this.#options;
    const key = isNarrow ? `${batch} ${index}` : batch;
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = await this.#find(batch, isNarrow ? [index, index + 1] : undefined);
      this.#sources.set(key, source);
    }
    await this.#use(source.table);
    return source;
  }

  async #find(batch: string, range: RecordTableOptions['range']): Promise<Source> {
    const { dirs, manifest, signal } = this.#options;
    try {
      const name = (await firstManifest(dirs, batch))?.name;
      // Redis says what a batch is called and refers to, and others may write to it.
      if (manifest !== undefined && name !== undefined && manifest.name !== name) {
        return { table: undefined, problem: `is a batch of ${name}` };
      }
      return { table: await RecordTable.open({ dirs, batch, range, signal }) };
    } catch (error) {
      if (error instanceof ResultsNotFoundError) {
        return { table: undefined, problem: `is not in ${dirs.join(' and ')}` };
      }
      if (error instanceof ResultsUnreadableError) {
        return { table: undefined, problem: `cannot be read: ${error.message}` };
      }
      throw error;
    }
  }

  /** Keeps the parts of a few batches open. */
  async #use(table: RecordTable | undefined): Promise<void> {
    if (table === undefined) {
      return;
    }
    this.#open.delete(table);
    this.#open.add(table);
    const [oldest] = this.#open;
    if (this.#open.size > MAX_OPEN && oldest !== undefined) {
      this.#open.delete(oldest);
      await oldest.rest();
    }
  }

  #miss(batch: string, reason: string): void {
    const key = `${batch} ${reason}`;
    const counted = this.#missing.get(key) ?? { records: 0, reason };
    counted.records += 1;
    this.#missing.set(key, counted);
  }
}

/** Undefined if the other record is not the one that was referred to. */
function filledLine(line: Buffer, source: Buffer): Buffer | undefined {
  const { head: sourceText, body } = splitBody(source);
  const own = headOf(line.toString());
  const other = headOf(sourceText);
  const hash = parseValidators(own?.['validators'])?.hash;
  // It may have been fetched again since, and have another body now.
  const isSame =
    hash !== undefined &&
    parseValidators(other?.['validators'])?.hash === hash &&
    parseBodyPlace(other?.['unchanged']) === undefined;
  if (own === undefined || other === undefined || !isSame) {
    return undefined;
  }
  const head = JSON.stringify(merged(own, other));
  return body === undefined
    ? Buffer.from(`${head}\n`)
    : Buffer.concat([Buffer.from(`${head.slice(0, -1)},"body":`), body, CLOSING]);
}

const CLOSING = Buffer.from('}\n');

/** The keys keep the order that they have in records. Headers that a 304 leaves out hold on. */
function merged(own: RecordHead, other: RecordHead): Readonly<Record<string, unknown>> {
  const head: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(own)) {
    if (key === 'worker' && !('contentType' in own) && 'contentType' in other) {
      head['contentType'] = other['contentType'];
    }
    head[key] = key === 'headers' ? { ...other.headers, ...own.headers } : value;
  }
  for (const key of ABOUT_BODY) {
    if (key in other) {
      head[key] = other[key];
    }
  }
  return head;
}

function headOf(text: string): RecordHead | undefined {
  try {
    return parseHead(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}
