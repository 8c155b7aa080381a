import { hostname } from 'node:os';
import {
  connectRedis,
  fleetKeys,
  LedgerReader,
  readShards,
  redactRedisUrl,
  ShardsError,
  StoredStateError,
  Workers,
} from '@fetchfleet/fleet';
import { openStore } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import { parseSettings, wholeNumber } from '@fetchfleet/service';
import { z } from 'zod';
import { type Context, fleetName, shardsWanted } from '../../core/context.ts';
import { EXIT, type ExitCode, exitCodeFor, messageOf } from '../../core/errors.ts';
import { SETTINGS, settingText } from '../../core/options.ts';
import { readPlaces } from '../../core/settings.ts';
import { requireServer } from '../../local/private-redis.ts';
import { outputWidth } from '../../report/text-table.ts';
import { findRedis, type FoundRedis } from '../../session/fleet-session.ts';
import { PassedOver } from '../../session/passed-over.ts';
import { type Finding, findingsOf, ok, problem, verdictOf } from './finding.ts';
import { clockFindings, type OpenFleet, workerFindings } from './fleet-findings.ts';
import { machineFindings, readMachine } from './machine-findings.ts';
import { networkFindings } from './network-findings.ts';
import { type OpenRedis, redisFindings } from './redis-findings.ts';
import { resultsFindings } from './results-findings.ts';
import { type Section, sectionLines, summaryOf } from './screen.ts';

export interface DoctorOptions {
  readonly json?: boolean;
  readonly results?: string;
  readonly concurrency?: string;
}

/** People wait for it, and everything else is looked at without Redis. */
const CONNECT_MS = 3_000;

/** `fetchfleet doctor`: what is wrong with Redis, results, machine, network and fleet. */
export async function doctor(options: DoctorOptions, context: Context): Promise<ExitCode> {
  const { terminal } = context;
  const concurrency = readConcurrency(options, context);
  const [place] = readPlaces(
    options.results === undefined ? undefined : [options.results],
    context,
  );
  const passedOver = new PassedOver();
  const connected = await connect(context, passedOver);
  const findings: Finding[] = [];
  const documents: object[] = [];
  try {
    for (const examine of examinations({ connected, place, concurrency, context })) {
      const section = await examine();
      findings.push(...section.findings);
      documents.push(...section.findings.map((one) => ({ section: section.name, ...one })));
      if (options.json !== true && section.findings.length > 0) {
        terminal.print(...sectionLines(section, outputWidth(terminal)), '');
      }
    }
  } finally {
    connected.close();
  }
  if (options.json === true) {
    terminal.printJson({ verdict: verdictOf(findings), findings: documents });
  } else {
    terminal.note(summaryOf(findings));
  }
  passedOver.report(terminal);
  if (connected.isUnreachable) {
    return EXIT.unavailable;
  }
  return verdictOf(findings) === 'problem' ? EXIT.someFailed : EXIT.ok;
}

/** As workers read it. */
function readConcurrency({ concurrency }: DoctorOptions, { env }: Context): number {
  const { flags, variable } = SETTINGS.concurrency;
  const schema = z.object({ concurrency: wholeNumber(SETTINGS.concurrency) });
  const text = settingText('concurrency', concurrency, env);
  const name = `${/--[\w-]+/u.exec(flags)?.[0]} (${variable})`;
  return parseSettings(schema, { concurrency: text }, () => name).concurrency;
}

interface Examined {
  readonly connected: Connected;
  readonly place: Place | undefined;
  readonly concurrency: number;
  readonly context: Context;
}

/** One after the other, so that none is slowed down by another. */
function examinations(examined: Examined): readonly (() => Promise<Section>)[] {
  const { connected, place, concurrency, context } = examined;
  const { open, fleet } = connected;
  return [
    async () => ({
      name: 'redis',
      title: 'Redis',
      findings: [connected.finding, ...(open === undefined ? [] : await redisFindings(open))],
    }),
    async () => ({
      name: 'fleet',
      title: `Fleet ${fleetName(context) ?? 'fetchfleet'}`,
      findings: fleet === undefined ? [] : await fleetFindings(fleet),
    }),
    async () => ({
      name: 'results',
      title: `Results in ${place?.location ?? ''}`,
      findings: place === undefined ? [] : await placeFindings(place, examined),
    }),
    async () => ({
      name: 'machine',
      title: `Machine ${hostname()}`,
      findings: await findingsOf('machine', async () =>
        machineFindings(await readMachine(), concurrency),
      ),
    }),
    async () => ({ name: 'network', title: 'Network', findings: await networkFindings(context) }),
  ];
}

async function fleetFindings(fleet: OpenFleet): Promise<readonly Finding[]> {
  return [
    ...(await findingsOf('clock', async () => clockFindings(fleet))),
    ...(await findingsOf('workers', async () => workerFindings(fleet))),
  ];
}

async function placeFindings(place: Place, examined: Examined): Promise<readonly Finding[]> {
  const { connected, context } = examined;
  return findingsOf(
    'place',
    async () => {
      const store = await openStore(place.url, context);
      return resultsFindings({ place, store, ledger: connected.ledger });
    },
    { timeoutMs: 60_000 },
  );
}

/** What there is of Redis. Without one, the rest is looked at all the same. */
interface Connected {
  readonly finding: Finding;
  readonly isUnreachable: boolean;
  readonly open?: OpenRedis;
  readonly fleet?: OpenFleet;
  readonly ledger?: LedgerReader;
  readonly close: () => void;
}

async function connect(context: Context, passedOver: PassedOver): Promise<Connected> {
  let found: FoundRedis | undefined;
  try {
    found = await findRedis(context, 'find');
    const redis = await connectRedis(found.redis, { timeoutMs: CONNECT_MS });
    const { privateRedis } = found;
    const isPrivate = privateRedis !== undefined;
    const place = isPrivate ? 'the private Redis of this folder' : redactRedisUrl(found.url);
    const keys = fleetKeys(fleetName(context));
    await readShards(redis, keys, shardsWanted(context)).catch((error: unknown) => {
      // What this user may not do is said below.
      if (error instanceof ShardsError || error instanceof StoredStateError) {
        throw error;
      }
    });
    const ledger = new LedgerReader(redis, keys, passedOver.add);
    const workers = new Workers(redis, keys, passedOver.add);
    return {
      finding: ok('connection', place),
      isUnreachable: false,
      open: { redis, keys, place, isPrivate },
      fleet: { redis, keys, workers, ledger, isPrivate },
      ledger,
      close: () => {
        redis.disconnect();
        privateRedis?.release();
      },
    };
  } catch (error) {
    found?.privateRedis?.release();
    return unconnected(error, context);
  }
}

function closeNothing(): void {
  // There is no connection.
}

function unconnected(error: unknown, { env }: Context): Connected {
  const isUnnamed = error instanceof Error && 'code' in error && error.code === 'REDIS_UNNAMED';
  if (!isUnnamed) {
    const isUnreachable = exitCodeFor(error) === EXIT.unavailable;
    return { finding: problem('connection', messageOf(error)), isUnreachable, close: closeNothing };
  }
  try {
    requireServer(env);
    const text = 'REDIS_URL is not set, and no batch was run here: run starts a Redis for itself';
    return { finding: ok('connection', text), isUnreachable: false, close: closeNothing };
  } catch (missing) {
    return {
      finding: problem('connection', messageOf(missing)),
      isUnreachable: true,
      close: closeNothing,
    };
  }
}
