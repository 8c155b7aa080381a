import { type Context, programName } from '../core/context.ts';

/**
 * The commands that explain the failures of a batch and fetch them again.
 *
 * @param results ` --results DIR`, where it is not the default
 */
export function failureCommands(batch: string, context: Context, results = ''): string[] {
  const program = programName(context);
  return [`${program} failures ${batch}${results}`, `${program} retry ${batch}${results}`];
}
