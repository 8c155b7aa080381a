import type { CommandSpec } from './table/command-spec.ts';
import { BATCHES, CANCEL, EVENTS, PAUSE, RESUME, STATUS } from './table/batch-commands.ts';
import { COMPLETE, COMPLETION } from './table/completion-commands.ts';
import { FETCH, INIT, RUN, SCHEMA, START, VALIDATE } from './table/crawl-commands.ts';
import { FAILURES, RETRY } from './table/failure-commands.ts';
import { DOCTOR, EXPORTER, ORIGINS, WEB, WORKERS } from './table/fleet-commands.ts';
import { DIFF, EXPORT, PRUNE, QUERY, SHOW, VERIFY } from './table/results-commands.ts';
import { SCHEDULES } from './table/schedule-commands.ts';

/*
 * Every command of the program with its argument, options, help and implementation: the files of
 * `table/` are the one place to add a command or a flag. They are long because they are only lists.
 */

/** In the order of --help. */
export const COMMANDS: readonly CommandSpec[] = [
  INIT,
  SCHEMA,
  VALIDATE,
  RUN,
  START,
  FETCH,
  STATUS,
  BATCHES,
  EVENTS,
  PAUSE,
  RESUME,
  CANCEL,
  RETRY,
  FAILURES,
  VERIFY,
  PRUNE,
  WORKERS,
  DOCTOR,
  WEB,
  EXPORTER,
  EXPORT,
  QUERY,
  DIFF,
  SHOW,
  ORIGINS,
  SCHEDULES,
  COMPLETION,
  COMPLETE,
];
