import type { Interrupts } from './interrupts.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given of the world. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current folder: where the private Redis lives and paths are relative to. */
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly interrupts: Interrupts;
}

/** How people call this program: as a project's own binary they need npx. */
export function programName({ env }: Pick<Context, 'env'>): string {
  return env['npm_command'] === undefined ? 'fetchfleet' : 'npx fetchfleet';
}
