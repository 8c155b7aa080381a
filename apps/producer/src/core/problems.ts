import { formatProblem, InputError } from '@fetchfleet/crawl';
import { SettingsError } from '@fetchfleet/service';
import { CommandError } from './command-error.ts';
import { EXIT } from './exit-codes.ts';

/** Collects what is wrong with the input over several steps, so that people hear of everything at once. */
export class Problems {
  readonly #lines: string[] = [];

  add(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  /** The result of a step; undefined if it found the input wrong. Other errors pass. */
  async collect<T>(step: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      const lines = problemLines(error);
      if (lines === undefined) throw error;
      this.add(...lines);
      return undefined;
    }
  }

  /** @param consequence what did not happen: `nothing was enqueued` */
  throwIfAny(consequence: string): void {
    const count = this.#lines.length;
    if (count === 0) return;
    throw new CommandError(`${count === 1 ? '1 problem' : `${count} problems`}: ${consequence}`, {
      code: 'INPUT_INVALID',
      exitCode: EXIT.badInput,
      problems: this.#lines,
    });
  }
}

/** One line for each problem that the error tells of; undefined if it is not about input. */
export function problemLines(error: unknown): readonly string[] | undefined {
  if (error instanceof InputError) return error.problems.map(formatProblem);
  if (error instanceof SettingsError) return error.problems;
  return undefined;
}
