import {
  ALLOW_PRIVATE,
  type ArgumentSpec,
  type OptionSpec,
  SETTINGS,
  TRUST_LISTS,
} from '../../core/options.ts';

/* Arguments and options that several commands have. */

export interface JsonOption {
  readonly json?: boolean;
}

export const CRAWL_FILE: ArgumentSpec = {
  usage: '<file>',
  help: 'crawl file, YAML or JSON',
  offers: { paths: 'files', endings: ['yaml', 'yml', 'json'] },
};

export const BATCH: ArgumentSpec = { usage: '<batch>', help: 'batch id' };

/** Of commands that start workers on this machine. */
export const WORKER_OPTIONS: readonly OptionSpec[] = [
  SETTINGS.workers,
  SETTINGS.concurrency,
  SETTINGS.transport,
  SETTINGS.results,
  SETTINGS.compress,
  SETTINGS.umask,
  SETTINGS.secrets,
  ALLOW_PRIVATE,
  TRUST_LISTS,
];

/** Of commands that serve the page. */
export const PAGE = {
  port: { flags: '--port <port>', help: 'port of the page; 0 for any', defaultHelp: '8788' },
  open: { flags: '--open', help: 'open the page in the browser' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Of commands that start batches of a crawl file. */
export const NOTIFY: OptionSpec = {
  flags: '--notify <url>',
  help: 'tell this URL when the batch ends, besides what the crawl file says; may be given several times',
  isRepeatable: true,
};

export const RUNS_LOCALLY =
  'If the batch is in the private Redis of this folder, the command also fetches, as run does; ' +
  'the options about workers are for that case.';

/** Workers of several machines may have written to several places. */
export const SEVERAL_RESULTS: OptionSpec = {
  ...SETTINGS.results,
  help: `${SETTINGS.results.help}; may be given several times`,
  isRepeatable: true,
};

export const OLD_RESULTS: OptionSpec = {
  ...SEVERAL_RESULTS,
  defaultHelp: `the folders that workers wrote to, or ${SETTINGS.results.fallback}`,
};
