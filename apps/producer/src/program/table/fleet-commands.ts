import type { DoctorOptions } from '../../commands/doctor/doctor.ts';
import type { ExporterOptions } from '../../commands/exporter.ts';
import type { WebOptions } from '../../commands/web.ts';
import type { OriginsOptions } from '../../commands/origins/origins.ts';
import type { OriginFlags } from '../../commands/origins/settings.ts';
import { type ArgumentSpec, SETTINGS } from '../../core/options.ts';
import type { CommandSpec } from './command-spec.ts';
import { type JsonOption, PAGE } from './parts.ts';

const ORIGIN: ArgumentSpec = { usage: '<origin>', help: 'https://HOST[:PORT]' };

export const WORKERS: CommandSpec = {
  name: 'workers',
  summary: 'list the workers of the fleet, or drain one',
  description:
    'Lists the workers of the fleet: where they run, what they are doing, and when they were ' +
    'last seen. A worker that was killed is listed as gone for 15 minutes.',
  run: async (_none: undefined, options: JsonOption, { context }) =>
    (await import('../../commands/workers.ts')).listWorkers(options, context),
  subcommands: [
    {
      name: 'drain',
      summary: 'let a worker end what it fetches, and end itself',
      needsNoOutput: true,
      description:
        'Lets a worker end: running fetches finish within its drain timeout, and the rest goes to ' +
        'other workers, as with SIGTERM. What has started the worker may start another one.',
      argument: { usage: '<worker>', help: 'worker id' },
      run: async (id: string, options: JsonOption, { context }) =>
        (await import('../../commands/drain.ts')).drainWorker(id, options, context),
    },
  ],
};

export const WEB: CommandSpec = {
  name: 'web',
  summary: 'serve a page to watch and steer the fleet',
  needsNoOutput: true,
  description:
    'Serves a page to watch and steer the fleet, until Ctrl-C. Whoever reaches it can do what ' +
    'this command line can. On another address than 127.0.0.1 it needs a token, which viewers ' +
    'have to know: FETCHFLEET_WEB_TOKEN.',
  options: [
    PAGE.port,
    { flags: '--host <host>', help: 'address to serve it on', defaultHelp: '127.0.0.1' },
    { flags: '--read-only', help: 'show everything and change nothing' },
    PAGE.open,
    { ...SETTINGS.results, help: 'where the records are, to show them' },
  ],
  notes: `
All other settings are variables, as fetchfleet-web --help lists them: FETCHFLEET_WEB_BASE,
FETCHFLEET_WEB_ALLOW_HOST, FETCHFLEET_WEB_TRUST_PROXY, FETCHFLEET_WEB_MAX_COPY.

Examples:
  fetchfleet web --open
  FETCHFLEET_WEB_TOKEN=$(openssl rand -hex 24) fetchfleet web --host 0.0.0.0`,
  run: async (_none: undefined, options: WebOptions, { context }) =>
    (await import('../../commands/web.ts')).web(options, context),
};

export const EXPORTER: CommandSpec = {
  name: 'exporter',
  summary: 'serve the metrics of the fleet, also while it has no worker',
  needsNoOutput: true,
  description:
    'Serves /metrics, /healthz and /readyz until Ctrl-C. The gauges of the whole fleet are there ' +
    'as long as no worker exports them, so a fleet can be scaled up from no worker at all.',
  options: [
    { flags: '--port <port>', help: 'port to serve them on; 0 for any', defaultHelp: '9465' },
    { flags: '--host <host>', help: 'address to serve them on', defaultHelp: '127.0.0.1' },
  ],
  run: async (_none: undefined, options: ExporterOptions, { context }) =>
    (await import('../../commands/exporter.ts')).exporter(options, context),
};

export const DOCTOR: CommandSpec = {
  name: 'doctor',
  summary: 'find out what is wrong with Redis, results, machine, network and fleet',
  description:
    'Looks at everything that a fleet needs, from this machine: Redis, the place of results, limits ' +
    'of the system, clocks, DNS, proxies and the versions of the workers. Each line is ok, or says ' +
    'what to do. Run it where workers run, with their environment.',
  options: [SETTINGS.results, { ...SETTINGS.concurrency, help: 'fetches in flight to check for' }],
  notes: `
Exit status:
  0    everything is ok, or there are only warnings
  1    something will not work
  3    Redis cannot be reached; what needs no Redis is shown all the same`,
  run: async (_none: undefined, options: DoctorOptions, { context }) =>
    (await import('../../commands/doctor/doctor.ts')).doctor(options, context),
};

export const ORIGINS: CommandSpec = {
  name: 'origins',
  summary: 'show the limits of origins, or set them',
  description:
    'Shows the state of every origin that the fleet knows: its limits and where they come from, ' +
    'fetches in flight, fetches waiting, blocks, and whether it is down. Of one origin it also ' +
    'shows what has happened there, its robots.txt, and the batches that fetch from it.',
  argument: { ...ORIGIN, usage: '[origin]' },
  options: [{ flags: '--watch', help: 'redraw every second until Ctrl-C', conflicts: 'json' }],
  notes: `
A limit without a source beside it comes from the crawl files: the strictest of all running
batches counts. Limits that were set with origins set override the crawl files. What
robots.txt asks for and what the fleet has learned about an origin always applies.

Examples:
  fetchfleet origins --watch
  fetchfleet origins https://api.example
  fetchfleet origins set https://api.example --rate 5/s --burst 10 --concurrency 8
  fetchfleet origins set https://api.example:8443 --rate unlimited
  fetchfleet origins unset https://api.example
  fetchfleet origins try https://api.example
  fetchfleet origins --json | jq '.origins[] | select(.blockedUntil)'`,
  run: async (origin: string | undefined, options: OriginsOptions, { context }) =>
    origin === undefined
      ? (await import('../../commands/origins/origins.ts')).listOrigins(options, context)
      : (await import('../../commands/origins/show.ts')).showOrigin(origin, options, context),
  subcommands: [
    {
      name: 'set',
      summary: 'set limits of an origin for the whole fleet',
      needsNoOutput: true,
      description:
        'Sets limits of an origin for the whole fleet. They override the limits of crawl files, ' +
        'apply to running batches within seconds, and stay until origins unset. A limit that is ' +
        'not given stays as it is.',
      argument: ORIGIN,
      options: [
        {
          flags: '--rate <rate>',
          help: 'requests per time: N/s, N/m, N/h or unlimited',
          offers: { values: ['unlimited'] },
        },
        { flags: '--burst <n>', help: 'requests that may start at once before the rate applies' },
        {
          flags: '-c, --concurrency <n>',
          help: 'requests in flight: a number or unlimited',
          offers: { values: ['unlimited'] },
        },
        { flags: '--forget', help: 'forget the rate and concurrency that the fleet has learned' },
      ],
      run: async (origin: string, options: OriginFlags & JsonOption, { context }) =>
        (await import('../../commands/origins/set.ts')).setOrigin(origin, options, context),
    },
    {
      name: 'unset',
      summary: 'remove the limits that were set',
      needsNoOutput: true,
      description:
        'Removes the limits that were set for an origin. The limits of crawl files apply again.',
      argument: ORIGIN,
      run: async (origin: string, options: JsonOption, { context }) =>
        (await import('../../commands/origins/set.ts')).unsetOrigin(origin, options, context),
    },
    {
      name: 'try',
      summary: 'try an origin now that is blocked or down',
      needsNoOutput: true,
      description:
        'Ends a block that an origin has asked for, the wait for the next try of one that is down, ' +
        'and the wait for a robots.txt that could not be read. One fetch of the whole fleet tries ' +
        'the origin; the others follow when it is answered. All limits still apply.',
      argument: ORIGIN,
      run: async (origin: string, options: JsonOption, { context }) =>
        (await import('../../commands/origins/try.ts')).tryOriginNow(origin, options, context),
    },
  ],
};
