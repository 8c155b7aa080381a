import { printable } from '@fetchfleet/crawl';
import {
  type Change,
  CHANGES,
  diffBatches,
  findPredecessor,
  type ListedChange,
  readManifest,
} from '@fetchfleet/results';
import { explainResults } from '../batch/explain-results.ts';
import type { Context } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { readResultsFolders } from '../core/settings.ts';
import type { Terminal } from '../core/terminal.ts';
import { formatCount } from '../report/units.ts';

export interface DiffOptions {
  /** Changes whose records are listed. */
  readonly list?: readonly string[];
  readonly results?: readonly string[];
  readonly json?: boolean;
}

/**
 * `fetchfleet diff BATCH [BATCH]`: counts what was added, changed and removed from the older batch
 * to the newer one. Needs no Redis.
 */
export async function diff(
  [batch, other]: readonly [batch: string, other: string | undefined],
  options: DiffOptions,
  context: Context,
): Promise<ExitCode> {
  const list = readList(options.list);
  const dirs = readResultsFolders(options.results, context);
  const { drain: signal } = context.interrupts.takeOver();
  const { terminal } = context;
  try {
    const [older, newer] = await inOrder(dirs, batch, other);
    const onListed = async (listed: ListedChange): Promise<void> =>
      terminal.printNext(options.json === true ? JSON.stringify(listed) : lineOf(listed));
    const { counts, missing } = await diffBatches({ dirs, older, newer, list, onListed, signal });
    if (options.json === true && list.size === 0) {
      terminal.printJson({ older, newer, ...counts, missing });
    } else if (list.size === 0) {
      terminal.print(
        `From ${older}`,
        `  to ${newer}`,
        ...CHANGES.map((change) => row(change, counts)),
      );
    } else {
      terminal.note(CHANGES.map((change) => row(change, counts).trim()).join(', '));
    }
    return conclude(missing, terminal);
  } catch (error) {
    signal.throwIfAborted();
    throw await explainResults(error, batch, dirs);
  }
}

function readList(names: readonly string[] = []): ReadonlySet<Change> {
  const known: readonly string[] = CHANGES;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new CommandError(`--list: "${unknown}" is none of ${CHANGES.join(', ')}`, {
      code: 'INPUT_INVALID',
    });
  }
  return new Set(CHANGES.filter((change) => names.includes(change)));
}

/** Whatever the order on the command line: a comparison goes forward in time. */
async function inOrder(
  dirs: readonly string[],
  batch: string,
  other: string | undefined,
): Promise<readonly [older: string, newer: string]> {
  if (other === undefined) {
    const before = await findPredecessor(dirs, batch);
    if (before === undefined) {
      const message = `there is no finished batch before ${batch} in ${dirs.join(' and ')}; name one`;
      throw new CommandError(message, { code: 'RESULTS_MISSING' });
    }
    return [before, batch];
  }
  const [one, two] = [await createdAt(dirs, batch), await createdAt(dirs, other)];
  return one > two ? [other, batch] : [batch, other];
}

async function createdAt(dirs: readonly string[], batch: string): Promise<string> {
  for (const dir of dirs) {
    const manifest = await readManifest(dir, batch);
    if (manifest !== undefined) {
      return manifest.createdAt;
    }
  }
  return '';
}

function row(change: Change, counts: Readonly<Record<Change, number>>): string {
  return `  ${formatCount(counts[change])} ${change}`;
}

function lineOf({ change, index, page, method, url, outcome }: ListedChange): string {
  const at = page === undefined ? `${index}` : `${index}/${page}`;
  const asked = method === undefined ? url : `${method} ${url}`;
  const why = change === 'failed' ? ` ${outcome}` : '';
  return printable(`${change} ${at} ${asked}${why}`);
}

/** @returns exit 1 if records are missing */
function conclude(missing: number, terminal: Terminal): ExitCode {
  if (missing === 0) {
    return EXIT.ok;
  }
  terminal.warn(`${formatCount(missing)} fetches of the two batches have no record here`);
  return EXIT.someFailed;
}
