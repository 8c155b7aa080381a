import { toError } from '@fetchfleet/crawl';
import { TARGETS } from './catalogue.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import type { Target } from './target.ts';
import { type Failure, runTurn } from './turn.ts';

const WRONG_INPUT = 2;
/** Short turns show soon whether every target works; each starts a process. */
const TURN_MS = 20_000;
const MIN_TURN_MS = 2_000;
const NO_LIMIT = 2 ** 31 - 1;

/** What a target has done in all its turns. */
interface Tally {
  readonly target: Target;
  runs: number;
  seconds: number;
  failure: Failure | undefined;
}

async function main(options: Options): Promise<void> {
  const tallies = TARGETS.filter(({ name }) => options.names.includes(name)).map(
    (target): Tally => ({ target, runs: 0, seconds: 0, failure: undefined }),
  );
  console.log(`seed ${options.seed}`);
  await (options.minutes === undefined
    ? runEach(tallies, options)
    : takeTurns(tallies, options, options.minutes * 60_000));
  console.log(`\n${tallies.map(summaryOf).join('\n')}`);
  process.exitCode = tallies.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

/** So many inputs for each target. */
async function runEach(tallies: readonly Tally[], options: Options): Promise<void> {
  const { seed, path, runs = 1 } = options;
  for (const tally of tallies) {
    await takeTurn(tally, { seed, path, runs, durationMs: NO_LIMIT });
  }
}

/** The targets take turns until the time is over. One that has failed takes no more. */
async function takeTurns(
  tallies: readonly Tally[],
  { seed }: Options,
  totalMs: number,
): Promise<void> {
  const startedAt = performance.now();
  const leftMs = (): number => totalMs - (performance.now() - startedAt);
  for (let turn = 0; leftMs() > 0; turn++) {
    const open = tallies.filter(({ failure }) => failure === undefined);
    if (open.length === 0) {
      return;
    }
    const durationMs = Math.min(TURN_MS, Math.max(MIN_TURN_MS, leftMs() / open.length));
    for (const tally of open) {
      if (turn === 0 || leftMs() > 0) {
        await takeTurn(tally, { seed: seed + turn, path: undefined, runs: NO_LIMIT, durationMs });
      }
    }
  }
}

async function takeTurn(tally: Tally, options: Parameters<typeof runTurn>[1]): Promise<void> {
  const { runs, seconds, failure } = await runTurn(tally.target, options);
  tally.runs += runs;
  tally.seconds += seconds;
  tally.failure = failure;
  const verdict = failure === undefined ? '' : '  FAILED';
  const rate = `${Math.round(runs / seconds)}/s`.padStart(8);
  console.log(
    `${tally.target.name.padEnd(12)} seed ${options.seed}  ${count(runs)} inputs ${rate}${verdict}`,
  );
  if (failure !== undefined) {
    report(failure);
  }
}

function summaryOf({ target, runs, seconds, failure }: Tally): string {
  const rate = `${Math.round(runs / Math.max(seconds, 0.001))}/s`.padStart(8);
  const verdict = failure === undefined ? 'ok' : 'FAILED';
  return `${target.name.padEnd(12)} ${count(runs)} inputs ${rate}  ${verdict}`;
}

function count(runs: number): string {
  return runs.toLocaleString('en').padStart(10);
}

/** Without control characters, whatever the input was. */
function report({ target, seed, path, counterexample, error }: Failure): void {
  const replay = [`npm run fuzz -- --target ${target} --seed ${seed}`];
  if (path !== undefined) {
    replay.push(`--path ${path}`);
  }
  const lines = [
    `\n${target} failed: seed ${seed}${path === undefined ? '' : `, path ${path}`}`,
    `  error    ${error}`,
    `  input    ${counterexample.slice(0, 4_000)}`,
    `  again    ${replay.join(' ')}`,
  ];
  console.log(lines.join('\n').replaceAll(/(?!\n)\p{Cc}/gu, (character) => escaped(character)));
}

function escaped(character: string): string {
  return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`;
}

function optionsOf(args: readonly string[]): Options | undefined {
  const names = TARGETS.map(({ name }) => name);
  try {
    return readOptions(args, names);
  } catch (error) {
    console.error(`fuzz: ${toError(error).message}\n\n${USAGE}`);
    process.exitCode = WRONG_INPUT;
    return undefined;
  }
}

const options = optionsOf(process.argv.slice(2));
if (options?.isList === true) {
  console.log(TARGETS.map(({ name, title }) => `${name.padEnd(12)} ${title}`).join('\n'));
} else if (options !== undefined) {
  await main(options);
}
