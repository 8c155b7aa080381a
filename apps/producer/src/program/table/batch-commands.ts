import { BATCH_STATES } from '../../batch/batch-filters.ts';
import type { BatchesOptions } from '../../commands/batches.ts';
import type { EventsOptions } from '../../commands/events.ts';
import type { ResumeOptions } from '../../commands/resume.ts';
import type { StatusOptions } from '../../commands/status.ts';
import type { CommandSpec } from './command-spec.ts';
import { BATCH, type JsonOption, RUNS_LOCALLY, WORKER_OPTIONS } from './parts.ts';

export const STATUS: CommandSpec = {
  name: 'status',
  summary: 'show the progress of one batch, or of all',
  description:
    'Shows the progress of one batch, or of all batches. With --watch, keeps showing it until ' +
    'the batch ends; the exit status is then that of the batch. On a terminal, --watch is a live ' +
    'view of progress, rate, outcomes, origins and workers: q or Ctrl-C closes the view, and the ' +
    'batch goes on. Elsewhere it prints a line every few seconds.',
  argument: { ...BATCH, usage: '[batch]' },
  options: [{ flags: '--watch', help: 'keep showing progress until the batch ends' }],
  run: async (batch: string | undefined, options: StatusOptions, { context }) =>
    (await import('../../commands/status.ts')).status(batch, options, context),
};

export const BATCHES: CommandSpec = {
  name: 'batches',
  summary: 'list batches',
  description: 'Lists batches, newest first, with their age, progress and result.',
  options: [
    {
      flags: '--state <states...>',
      help: `only batches in these states: ${BATCH_STATES.join(', ')}`,
      offers: { values: BATCH_STATES },
    },
    { flags: '-n, --limit <n>', help: 'number of batches to list', default: '20' },
  ],
  run: async (_none: undefined, options: BatchesOptions, { context }) =>
    (await import('../../commands/batches.ts')).batches(options, context),
};

export const EVENTS: CommandSpec = {
  name: 'events',
  summary: 'show what has happened to a batch',
  description:
    'Shows what has happened to a batch, the oldest first: when it was created, started, paused, ' +
    'resumed, cancelled, retried and finished, and by whom. With --json, each event is one ' +
    'document on a line of its own.',
  argument: BATCH,
  options: [
    { flags: '--follow', help: 'print further events until the batch ends, and exit as it does' },
  ],
  run: async (batch: string, options: EventsOptions, { context }) =>
    (await import('../../commands/events.ts')).events(batch, options, context),
};

export const PAUSE: CommandSpec = {
  name: 'pause',
  summary: 'start no more fetches of a batch until it is resumed',
  needsNoOutput: true,
  description:
    'Starts no more fetches of a batch until it is resumed. Running fetches finish, and ' +
    'enqueueing continues.',
  argument: BATCH,
  run: async (batch: string, options: JsonOption, { context }) =>
    (await import('../../commands/pause.ts')).pause(batch, options, context),
};

export const RESUME: CommandSpec = {
  name: 'resume',
  summary: 'continue a batch, and repair it',
  needsNoOutput: true,
  description:
    'Continues a paused or cancelled batch. Enqueues every fetch of a batch that is neither ' +
    `settled nor queued. ${RUNS_LOCALLY}`,
  argument: BATCH,
  options: WORKER_OPTIONS,
  run: async (batch: string, options: ResumeOptions, { context }) =>
    (await import('../../commands/resume.ts')).resume(batch, options, context),
};

export const CANCEL: CommandSpec = {
  name: 'cancel',
  summary: 'stop a batch',
  needsNoOutput: true,
  description: 'Stops a batch. Its records stay, and resume continues it.',
  argument: BATCH,
  run: async (batch: string, options: JsonOption, { context }) =>
    (await import('../../commands/cancel.ts')).cancel(batch, options, context),
};
