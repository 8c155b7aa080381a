import { VERSION } from '@fetchfleet/crawl';
import { z } from 'zod';
import { type DocumentName, SCHEMAS } from './schemas.ts';

interface Query {
  readonly name: string;
  readonly description: string;
}

export interface Operation {
  readonly method: 'get' | 'post';
  /** Below `api`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly Query[];
  /** Of the body. */
  readonly takes?: DocumentName;
  /** What it answers: a document, or a type of media. */
  readonly answers: DocumentName | { readonly type: string };
}

const LIMIT = { name: 'limit', description: 'how many' };
const OUTCOME = {
  name: 'outcome',
  description: 'outcomes with commas between them; failed is all but ok',
};
const BATCHES = [
  { name: 'state', description: 'states with commas between them' },
  { name: 'name', description: 'part of the id, which begins with the name' },
  LIMIT,
  { name: 'before', description: '`next` of the page before' },
];
const ORIGINS = [{ name: 'text', description: 'part of the name' }, LIMIT];

/** Every operation of the server. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: '/login',
    summary: 'get a cookie',
    takes: 'LoginRequest',
    answers: 'LoginAnswer',
  },
  { method: 'post', path: '/logout', summary: 'lose the cookie', answers: 'LoginAnswer' },
  { method: 'get', path: '/fleet', summary: 'who answers', answers: 'FleetDocument' },
  {
    method: 'get',
    path: '/overview',
    summary: 'is everything all right',
    answers: 'OverviewDocument',
  },
  { method: 'get', path: '/workers', summary: 'workers of the fleet', answers: 'WorkersDocument' },
  {
    method: 'get',
    path: '/schedules',
    summary: 'schedules and their runs',
    answers: 'SchedulesDocument',
  },
  {
    method: 'get',
    path: '/origins',
    summary: 'origins, trouble first',
    query: ORIGINS,
    answers: 'OriginsDocument',
  },
  {
    method: 'get',
    path: '/origins/{origin}',
    summary: 'one origin, with what has happened there',
    answers: 'OriginDetail',
  },
  {
    method: 'get',
    path: '/batches',
    summary: 'batches, the newest first',
    query: BATCHES,
    answers: 'BatchesDocument',
  },
  {
    method: 'get',
    path: '/events',
    summary: 'a document whenever it has changed, as server-sent events',
    query: [
      {
        name: 'view',
        description:
          'overview, batches, batch:ID, origins, origin:ORIGIN, workers or schedules: the document ' +
          'of that view, as an event of that name (batch for batch:ID); `unavailable` with an ' +
          'ErrorDocument while Redis does not answer',
      },
      ...BATCHES,
      ...ORIGINS.slice(0, 1),
    ],
    answers: { type: 'text/event-stream' },
  },
  { method: 'get', path: '/batches/{id}', summary: 'one batch', answers: 'BatchDetail' },
  {
    method: 'get',
    path: '/batches/{id}/slices',
    summary: 'slices that are not done',
    answers: 'SlicesDocument',
  },
  {
    method: 'get',
    path: '/batches/{id}/failures',
    summary: 'failures by origin and reason',
    query: [LIMIT],
    answers: 'FailuresDocument',
  },
  {
    method: 'get',
    path: '/batches/{id}/records',
    summary: 'records in their order',
    query: [
      OUTCOME,
      { name: 'status', description: 'such as 404,500-599' },
      { name: 'origin', description: 'such as https://api.example' },
      { name: 'text', description: 'in the URL or a parameter' },
      { name: 'index', description: 'such as 17,100-149: at most 50 ranges' },
      { name: 'from', description: '`next` of the page before, or an index' },
      { name: 'before', description: '`previous` of the page behind: wins over `from`' },
      { name: 'limit', description: 'how many; 0 only counts' },
      { name: 'copy', description: 'new: records that were copied to be read are copied again' },
    ],
    answers: 'RecordsDocument',
  },
  {
    method: 'get',
    path: '/batches/{id}/records/{place}',
    summary: 'one record: INDEX or INDEX.PAGE',
    answers: 'RecordDetail',
  },
  {
    method: 'get',
    path: '/batches/{id}/records/{place}/body',
    summary: 'its body',
    query: [{ name: 'download', description: 'not to be shown' }],
    answers: { type: 'text/plain' },
  },
  {
    method: 'get',
    path: '/batches/{id}/export',
    summary: 'all records as a file',
    query: [{ name: 'format', description: 'ndjson, csv or parquet' }, OUTCOME],
    answers: { type: 'application/octet-stream' },
  },
  {
    method: 'post',
    path: '/commands',
    summary: 'run a command of the command line',
    takes: 'CommandRequest',
    answers: 'CommandAnswer',
  },
];

/** The document that openapi.json is. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    const path = `/api${operation.path}`;
    paths[path] = { ...paths[path], [operation.method]: operationObject(operation) };
  }
  const schemas = Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => {
      const { $schema: _, ...own } = z.toJSONSchema(schema, { io: 'input', reused: 'inline' });
      return [name, own];
    }),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'fetchfleet',
      version: VERSION,
      description:
        'What the page of a fleet asks its server. Paths are relative to its base. With a token: ' +
        'the cookie of login, or `Authorization: Bearer TOKEN`. What changes something also needs ' +
        'the header Origin with the address of the page, or `Sec-Fetch-Site: same-origin`. ' +
        'Instants are ISO 8601, durations milliseconds, sizes bytes; what is not known is null.',
    },
    servers: [{ url: 'http://127.0.0.1:8788', description: 'without --host, --port and --base' }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'fetchfleet' },
      },
    },
    security: [{}, { token: [] }, { cookie: [] }],
  };
}

function operationObject({ path, summary, query = [], takes, answers }: Operation): object {
  const names = [...path.matchAll(/\{(\w+)\}/gu)].map(([, name]) => name);
  const string = { type: 'string' };
  const content =
    typeof answers === 'string' ? jsonOf(answers) : { [answers.type]: { schema: string } };
  return {
    summary,
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: string })),
      ...query.map((one) => ({ ...one, in: 'query', schema: string })),
    ],
    ...(takes !== undefined && { requestBody: { required: true, content: jsonOf(takes) } }),
    responses: {
      200: { description: 'done', content },
      default: { description: 'not done, and why', content: jsonOf('ErrorDocument') },
    },
  };
}

function jsonOf(name: DocumentName): object {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
}
