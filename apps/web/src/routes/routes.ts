import { UnknownBatchError } from '@fetchfleet/fleet';
import { VERSION } from '@fetchfleet/crawl';
import { z } from 'zod';
import type { Gatekeeper } from '../access/gatekeeper.ts';
import type { Viewer } from '../access/viewer.ts';
import type { FleetDocument, LoginAnswer } from '../api/documents.ts';
import { commandRequest, isChange } from '../commands/command-line.ts';
import type { Commands } from '../commands/commands.ts';
import { EXPORT_FORMATS, type Exports } from '../commands/export-records.ts';
import { json } from '../http/answer.ts';
import type { EventStreams } from '../http/event-stream.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/read-body.ts';
import type { Route, RouteCall } from '../http/router.ts';
import { FOREIGN_BODY_HEADERS, FOREIGN_IMAGE_HEADERS } from '../http/security-headers.ts';
import type { FleetLooks } from '../looks/fleet-looks.ts';
import { curlLine } from '../records/curl-line.ts';
import type { FailuresReader } from '../records/failures-reader.ts';
import type { RecordStore } from '../records/record-store.ts';
import { batchesLook, eventView, originsLook } from './event-views.ts';
import { explained } from './explain.ts';
import {
  batchIn,
  isRenewedIn,
  limitIn,
  originIn,
  outcomesIn,
  placeIn,
  recordsIn,
} from './query.ts';
import { withinTime } from './within-time.ts';

/** A crawl file of the largest size as JSON: control characters may need six times their size. */
const MAX_COMMAND_BYTES = 2 * 1024 * 1024;
const MAX_LOGIN_BYTES = 4 * 1024;
/** Failures are read from all parts of a batch. */
const FAILURES_TIMEOUT_MS = 65_000;
/** Less than the request has: only the line for a shell needs it. */
const CRAWL_TIMEOUT_MS = 1_000;
const loginRequest = z.strictObject({ token: z.string().max(1_024) });
const exportFormat = z.enum(['ndjson', 'csv', 'parquet']);

export interface Services {
  readonly fleet: string;
  readonly readOnly: boolean;
  readonly gatekeeper: Gatekeeper;
  readonly looks: FleetLooks;
  readonly streams: EventStreams;
  readonly commands: Commands;
  readonly exports: Exports;
  readonly records: RecordStore;
  readonly failures: FailuresReader;
  /** Whether records can be read here. */
  readonly hasResults: () => Promise<boolean>;
  /** An error that is none of those that viewers are told. */
  readonly onError: (error: Error) => void;
}

type Call = RouteCall<Viewer>;

/** Routes that whoever does not know the token may use. */
export function openRoutes({ gatekeeper }: Services): readonly Route<Viewer>[] {
  const done: LoginAnswer = { ok: true };
  return [
    {
      method: 'POST',
      path: '/login',
      handle: async ({ request, viewer }) => {
        gatekeeper.checkSameOrigin(request);
        const given = loginRequest.safeParse(await readJson(request, MAX_LOGIN_BYTES));
        if (!given.success) {
          throw new HttpError(400, 'BODY_UNFIT', { message: 'the body must be {"token":"…"}' });
        }
        return json(done, {
          headers: { 'set-cookie': gatekeeper.logIn(given.data.token, viewer) },
        });
      },
    },
    {
      method: 'POST',
      path: '/logout',
      handle: async ({ request, viewer }) => {
        gatekeeper.checkSameOrigin(request);
        return json(done, { headers: { 'set-cookie': gatekeeper.logOut(viewer) } });
      },
    },
  ];
}

/** Everything else that is answered below `api/`. */
export function routes(services: Services): readonly Route<Viewer>[] {
  return [...fleetRoutes(services), ...batchRoutes(services), ...changeRoutes(services)];
}

/** Who answers. */
export async function fleetDocument(
  services: Pick<Services, 'fleet' | 'readOnly' | 'hasResults'>,
): Promise<FleetDocument> {
  const { fleet, readOnly } = services;
  return { fleet, version: VERSION, readOnly, hasResults: await services.hasResults() };
}

function fleetRoutes(services: Services): Route<Viewer>[] {
  const { looks, streams } = services;
  return [
    get('/fleet', async () => fleetDocument(services)),
    get('/overview', async () => looks.overview.get()),
    get('/workers', async () => looks.workers.get()),
    get('/schedules', async () => looks.schedules.get()),
    get('/origins', async ({ query }) => originsLook(query, looks).get()),
    get('/origins/{origin}', async ({ params }) => {
      const origin = originIn(params['origin']);
      const detail = await looks.origin(origin).get();
      if (detail === undefined) {
        throw new HttpError(404, 'ORIGIN_UNKNOWN', { message: `nothing is known of ${origin}` });
      }
      return detail;
    }),
    get('/batches', async ({ query }) => batchesLook(query, looks).get()),
    {
      method: 'GET',
      path: '/events',
      handle: async ({ query, viewer }) => {
        const { event, look } = eventView(query, looks);
        return streams.open(viewer.address, (send) =>
          look.watch({
            onDocument: (document, text) => {
              if (document !== undefined) {
                send(event, text);
              }
            },
            onError: (error) => {
              const shown = explained(error);
              const isKnown = shown instanceof HttpError;
              if (!isKnown) {
                services.onError(error);
              }
              const code = isKnown ? shown.code : 'UNEXPECTED';
              const sentence = isKnown ? shown.message : 'an error that the log explains';
              send('unavailable', JSON.stringify({ error: sentence, code }));
            },
          }),
        );
      },
    },
  ];
}

function batchRoutes({ looks, records, failures, exports }: Services): Route<Viewer>[] {
  return [
    get('/batches/{id}', async ({ params }) => {
      const id = batchIn(params['id']);
      const detail = await looks.batch(id).get();
      if (detail === undefined) {
        throw unknownBatch(id);
      }
      return detail;
    }),
    get('/batches/{id}/slices', async ({ params }) => looks.slices(batchIn(params['id'])).get()),
    get(
      '/batches/{id}/failures',
      async ({ params, query }) => {
        const id = batchIn(params['id']);
        const limit = limitIn(query, { usual: 20, most: 1_000 });
        const status = await withinTime(looks.ledger.status(id));
        if (status === undefined) {
          throw unknownBatch(id);
        }
        return failures.read(status, limit);
      },
      FAILURES_TIMEOUT_MS,
    ),
    get('/batches/{id}/records', async ({ params, query }) =>
      records.page(batchIn(params['id']), recordsIn(query), isRenewedIn(query)),
    ),
    get('/batches/{id}/records/{place}', async ({ params }) => {
      const id = batchIn(params['id']);
      const detail = await records.detail(id, placeIn(params['place']));
      if (detail === undefined) {
        throw missingRecord();
      }
      // Records are shown without Redis as well.
      const crawl = await withinTime(looks.ledger.crawl(id), CRAWL_TIMEOUT_MS).catch(
        () => undefined,
      );
      return { ...detail, curl: curlLine(detail.record, crawl?.plan) };
    }),
    {
      method: 'GET',
      path: '/batches/{id}/records/{place}/body',
      handle: async ({ params, query }) => {
        const [id, place] = [batchIn(params['id']), placeIn(params['place'])];
        const body = await withinTime(records.body(id, place)).catch(rethrow);
        if (body === undefined) {
          throw missingRecord();
        }
        if (body === 'too large') {
          throw new HttpError(413, 'BODY_TOO_LARGE', {
            message: `the body is too large to be shown: fetchfleet show ${id} ${place.index} --body`,
          });
        }
        const isDownload = body.kind === 'binary' || query.get('download') !== null;
        const name = `${id}-${place.index}${place.page > 1 ? `.${place.page}` : ''}`;
        return {
          status: 200,
          headers: {
            ...FOREIGN_BODY_HEADERS,
            ...(body.kind === 'image' && FOREIGN_IMAGE_HEADERS),
            'content-type': body.contentType,
            'content-disposition': `${isDownload ? 'attachment' : 'inline'}; filename="${name}"`,
          },
          body: body.bytes,
        };
      },
    },
    {
      method: 'GET',
      path: '/batches/{id}/export',
      handle: async ({ params, query }) => {
        const format = exportFormat.safeParse(query.get('format') ?? 'ndjson');
        if (!format.success) {
          const known = Object.keys(EXPORT_FORMATS).join(', ');
          throw new HttpError(400, 'QUERY_UNFIT', { message: `format must be of ${known}` });
        }
        const batch = batchIn(params['id']);
        return exports.open({ batch, format: format.data, outcomes: outcomesIn(query) });
      },
    },
  ];
}

function changeRoutes({ gatekeeper, commands, looks }: Services): Route<Viewer>[] {
  return [
    {
      method: 'POST',
      path: '/commands',
      handle: async ({ request, viewer }) => {
        gatekeeper.checkSameOrigin(request);
        const given = commandRequest.safeParse(await readJson(request, MAX_COMMAND_BYTES));
        if (!given.success) {
          const [issue] = given.error.issues;
          const where = issue?.path.map(String).join('.') ?? '';
          throw new HttpError(400, 'COMMAND_UNFIT', {
            message: `${where === '' ? 'the body' : where}: ${issue?.message ?? 'is wrong'}`,
          });
        }
        if (!isChange(given.data)) {
          return json(await commands.run(given.data, viewer.address));
        }
        gatekeeper.checkChange(request);
        const answer = await commands.run(given.data, viewer.address);
        looks.expire();
        return json(answer);
      },
    },
  ];
}

/** A route that answers one document. */
function get(
  path: string,
  read: (call: Call) => Promise<unknown>,
  timeoutMs?: number,
): Route<Viewer> {
  return {
    method: 'GET',
    path,
    handle: async (call) => json(await withinTime(read(call), timeoutMs).catch(rethrow)),
  };
}

function rethrow(error: unknown): never {
  throw explained(error);
}

function unknownBatch(id: string): HttpError {
  const { message } = new UnknownBatchError(id);
  return new HttpError(404, 'BATCH_UNKNOWN', { message });
}

function missingRecord(): HttpError {
  return new HttpError(404, 'RECORD_MISSING', { message: 'there is no such record, or no body' });
}
