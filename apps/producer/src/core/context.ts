import { FLEET_NAME_RULE, isFleetName, MAX_SHARDS } from '@fetchfleet/fleet';
import { CommandError } from './errors.ts';
import type { Interrupts } from './interrupts.ts';
import type { Terminal } from './terminal.ts';

/** The outside world, as commands see it. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current folder. Paths are relative to it, and it has the private Redis. */
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly interrupts: Interrupts;
}

/** The command to show in hints: as a dependency of a project, the program needs npx. */
export function programName({ env }: Pick<Context, 'env'>): string {
  return env['npm_command'] === undefined ? 'fetchfleet' : 'npx fetchfleet';
}

/**
 * How to start another program of ours in hints. Where npx has fetched the package for this command
 * alone, it would look for a package with the name of that program.
 */
export function otherProgram(name: string, { env }: Pick<Context, 'env'>): string {
  const isFetched = /[\\/]_npx[\\/]/u.test(env['PATH'] ?? '');
  const program = `${programName({ env })}-${name}`;
  return isFetched ? program.replace(/^npx /u, 'npx --package fetchfleet ') : program;
}

/**
 * The name of the fleet. Workers take the same names: a batch in another fleet would never run.
 *
 * @throws CommandError (exit 2) if FETCHFLEET_FLEET is not a name
 */
export function fleetName({ env }: Pick<Context, 'env'>): string | undefined {
  const name = env['FETCHFLEET_FLEET'];
  if (name === undefined || name === '') {
    return undefined;
  }
  if (isFleetName(name)) {
    return name;
  }
  const shown = JSON.stringify(name.slice(0, 80));
  throw new CommandError(`FETCHFLEET_FLEET: ${FLEET_NAME_RULE}, got ${shown}`, {
    code: 'SETTINGS_INVALID',
  });
}

/**
 * How many shards the fleet is to have; undefined for as many as it has.
 *
 * @throws CommandError (exit 2) if FETCHFLEET_SHARDS is not a number of shards
 */
export function shardsWanted({ env }: Pick<Context, 'env'>): number | undefined {
  const text = env['FETCHFLEET_SHARDS'];
  if (text === undefined || text === '') {
    return undefined;
  }
  const count = Number(text);
  if (/^\d+$/u.test(text) && count >= 1 && count <= MAX_SHARDS) {
    return count;
  }
  const shown = JSON.stringify(text.slice(0, 80));
  throw new CommandError(
    `--shards (FETCHFLEET_SHARDS): must be a whole number from 1 to ${MAX_SHARDS}, got ${shown}`,
    { code: 'SETTINGS_INVALID' },
  );
}

/** The context of a command that was given `--shards`. */
export function withShards(context: Context, shards: string | undefined): Context {
  return shards === undefined
    ? context
    : { ...context, env: { ...context.env, FETCHFLEET_SHARDS: shards } };
}
