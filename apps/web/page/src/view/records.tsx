import { formatBytes, formatCount, formatDuration } from '@fetchfleet/crawl/units';
import type { FleetDocument, RecordsDocument, RecordSummary } from '../../../src/api/documents.ts';
import { query } from '../api/client.ts';
import { useRead } from '../api/use-read.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { Outcome } from '../batch/outcome.tsx';
import { RecordDetail } from '../part/record-detail.tsx';
import { type Column, Table } from '../part/table.tsx';
import { Clock } from '../part/time.tsx';
import { route, setQuery, to } from '../route/route.ts';

const OUTCOMES = [
  'failed',
  'ok',
  'http-error',
  'unexpected',
  'network-error',
  'timeout',
  'too-large',
  'bad-redirect',
  'robots-denied',
  'address-refused',
  'worker-lost',
];
const LIMIT = 100;

interface RecordsProps {
  readonly batch: string;
  readonly fleet: FleetDocument;
}

/** What did we get? */
export function Records({ batch, fleet }: RecordsProps) {
  const { outcome = '', status = '', origin = '', text = '', from = '', open } = route.value.query;
  const filter = query({ outcome, status, origin, text, from, limit: LIMIT });
  const path = `batches/${encodeURIComponent(batch)}/records${filter}`;
  const { value, error, isReading, again } = useRead<RecordsDocument>(
    fleet.hasResults ? path : undefined,
  );
  return (
    <>
      <div class="title">
        <h1>
          Records of{' '}
          <a class="id" href={to(['batches', batch])}>
            {batch}
          </a>
        </h1>
      </div>
      <Filters>
        <Filter name="outcome" label="outcome" choices={OUTCOMES} resets={['from']} />
        <Filter name="status" label="status" resets={['from']} />
        <Filter name="origin" label="origin" resets={['from']} />
        <Filter name="text" label="text in URL or parameter" resets={['from']} />
      </Filters>
      {!fleet.hasResults && (
        <p class="empty">
          The results cannot be read here. Start the page where they are:{' '}
          <code>fetchfleet web --results DIR</code>.
        </p>
      )}
      {error !== undefined && (
        <p class="empty" role="alert">
          {error.message}
        </p>
      )}
      {value !== undefined && (
        <>
          <Table
            label="Records"
            rows={value.records}
            keyOf={keyOf}
            href={(record) => addressOf(batch, record, open)}
            columns={columnsFor(batch, open)}
            open={{
              key: open,
              body: (record) => (
                <RecordDetail batch={batch} id={keyOf(record)} canChange={!fleet.readOnly} />
              ),
            }}
            empty={
              value.isComplete
                ? 'No record is like that.'
                : `None among the first ${formatCount(value.indexed)} yet.`
            }
          />
          <Pager document={value} onAgain={again} />
        </>
      )}
      {value === undefined && error === undefined && isReading && fleet.hasResults && (
        <p class="quiet" role="status">
          Reading …
        </p>
      )}
    </>
  );
}

function keyOf({ index, page }: RecordSummary): string {
  return page === null ? String(index) : `${index}.${page}`;
}

/** Opens the record, or closes it. */
function addressOf(batch: string, record: RecordSummary, open: string | undefined): string {
  const key = keyOf(record);
  const path = ['batches', batch, 'records'];
  return to(path, { ...route.value.query, open: key === open ? undefined : key });
}

function columnsFor(batch: string, open: string | undefined): Column<RecordSummary>[] {
  return [
    {
      title: 'index',
      align: 'right',
      cell: (record) => <a href={addressOf(batch, record, open)}>{keyOf(record)}</a>,
    },
    {
      title: 'parameters',
      cell: ({ params, url }) => (
        <span class="params" title={url}>
          {Object.keys(params).length === 0 ? url : paramsText(params)}
        </span>
      ),
    },
    { title: 'outcome', cell: ({ outcome }) => <Outcome outcome={outcome} /> },
    { title: 'status', align: 'right', cell: ({ status }) => status ?? '–', rank: 3 },
    {
      title: 'took',
      align: 'right',
      cell: ({ durationMs }) => formatDuration(durationMs),
      rank: 2,
    },
    { title: 'bytes', align: 'right', cell: ({ bytes }) => formatBytes(bytes), rank: 1 },
    { title: 'when', cell: ({ startedAt }) => <Clock at={startedAt} />, rank: 1 },
  ];
}

function paramsText(params: Readonly<Record<string, string>>): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join('  ');
}

interface PagerProps {
  readonly document: RecordsDocument;
  readonly onAgain: () => void;
}

function Pager({ document, onAgain }: PagerProps) {
  const { records, matched, isComplete, next, indexed } = document;
  const isFirst = route.value.query['from'] === undefined;
  return (
    <p class="pager">
      <span class="quiet">
        {formatCount(records.length)} of {formatCount(matched)}
        {!isComplete && ` among the first ${formatCount(indexed)} records`}
      </span>
      {!isFirst && (
        <button type="button" onClick={() => setQuery({ from: undefined, open: undefined })}>
          First
        </button>
      )}
      {next !== null && (
        <button type="button" onClick={() => setQuery({ from: next, open: undefined })}>
          Next
        </button>
      )}
      {!isComplete && (
        <button type="button" onClick={onAgain}>
          Look further
        </button>
      )}
    </p>
  );
}
