import type { World } from '../fleet/world.ts';

interface Run {
  readonly at: string;
  readonly kind: string;
  readonly state: string;
  readonly batch: string | null;
}

/** Checks the runs of the schedule. */
export async function checkSchedule(world: World): Promise<void> {
  const { stdout, code } = await world.command('schedule', 'list', 'ticking', '--json');
  if (code !== 0) {
    world.trace.breach('schedules run', `schedule list ends with exit status ${code}`);
    return;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the document of our command
  const { runs } = JSON.parse(stdout) as { readonly runs: readonly Run[] };
  for (const problem of scheduleProblems(runs)) {
    world.trace.breach('schedules run', problem);
  }
  world.trace.note(`the schedule has ${runs.length} runs`);
}

/** The runs of a schedule that cannot be: a tick that ran twice, or a batch of two runs. */
export function scheduleProblems(runs: readonly Run[]): readonly string[] {
  const ticks = runs.filter(({ kind }) => kind === 'tick').map(({ at }) => at);
  const ids = runs.flatMap(({ batch, state }) =>
    batch === null || state === 'skipped' ? [] : [batch],
  );
  return [
    ...doubled(ticks).map((at) => `the tick of ${at} has two runs`),
    ...doubled(ids).map((id) => `${id} is the batch of two runs`),
  ];
}

function doubled(values: readonly string[]): readonly string[] {
  return values.filter((value, at) => values.indexOf(value) !== at);
}
