import { countOf, formatBytes, formatCount, formatDuration } from '@fetchfleet/crawl/units';
import type { FleetDocument, RecordsDocument, RecordSummary } from '../../../src/api/documents.ts';
import { Outcome } from '../batch/outcome.tsx';
import { Filter, Filters } from '../part/filters.tsx';
import { RecordsPlace } from '../part/records-place.tsx';
import { type Column, Table } from '../part/table.tsx';
import { Clock } from '../part/time.tsx';
import { Pager } from '../records/pager.tsx';
import { RecordDetail } from '../records/record-detail.tsx';
import { type FoundRecords, keyOf, useRecords } from '../records/use-records.ts';
import { route, to } from '../route/route.ts';

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
/** What leads to another page when a filter changes. */
const PAGE = ['from', 'before', 'open'];

interface RecordsProps {
  readonly batch: string;
  readonly fleet: FleetDocument;
}

/** What did we get? */
export function Records({ batch, fleet }: RecordsProps) {
  const { outcome = '', status = '', origin = '', text = '' } = route.value.query;
  const { index = '', from = '', before = '' } = route.value.query;
  const filter = { outcome, status, origin, text, index, from, before };
  const { found, error, again } = useRecords(fleet.hasResults ? batch : undefined, filter);
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
        <Filter name="outcome" label="outcome" choices={OUTCOMES} resets={PAGE} />
        <Filter name="status" label="status" isShort resets={PAGE} />
        <Filter name="origin" label="origin" resets={PAGE} />
        <Filter name="text" label="text in URL or parameter" resets={PAGE} />
        <Filter name="index" label="index" isShort resets={PAGE} />
      </Filters>
      {!fleet.hasResults && (
        <p class="empty">
          The results cannot be read here. Start the page where they are:{' '}
          <code>fetchfleet web --results PLACE</code>.
        </p>
      )}
      {error !== undefined && (
        <div class="empty" role="alert">
          <p>{error.message}</p>
          <button type="button" onClick={() => again()}>
            Try again
          </button>
        </div>
      )}
      {found !== undefined && (
        <>
          <div class="over">
            <RecordsPlace source={found.document.source} onCopy={() => again(true)} />
            <News count={found.news} onShow={() => again()} />
            <Reading document={found.document} />
            {isRead(found.document) && <Pager found={found} />}
          </div>
          <Rows batch={batch} found={found} canChange={!fleet.readOnly} />
          {found.document.records.length > 20 && <Pager found={found} />}
        </>
      )}
      {found === undefined && error === undefined && fleet.hasResults && (
        <p class="quiet" role="status">
          Reading …
        </p>
      )}
    </>
  );
}

/** Rows keep their place: what has come since is shown when somebody wants to see it. */
function News({ count, onShow }: { readonly count: number; readonly onShow: () => void }) {
  return (
    <p class="news" role="status">
      {count > 0 && (
        <button type="button" title="Show them" onClick={onShow}>
          {formatCount(count)} new
        </button>
      )}
    </p>
  );
}

/** How far the index is: until it is complete, other records may come before these. */
function Reading({ document: { reading, indexed } }: { readonly document: RecordsDocument }) {
  return reading === null ? null : (
    <p class="quiet" role="status">
      reading {formatBytes(reading.doneBytes)} of {formatBytes(reading.totalBytes)}:{' '}
      {countOf(indexed, 'record')} so far
    </p>
  );
}

function isRead({ reading, source }: RecordsDocument): boolean {
  return reading === null && source.kind !== 'copying';
}

interface RowsProps {
  readonly batch: string;
  readonly found: FoundRecords;
  readonly canChange: boolean;
}

function Rows({ batch, found: { document, isSearching }, canChange }: RowsProps) {
  const { open } = route.value.query;
  const { records, looked, indexed } = document;
  if (records.length === 0 && !isRead(document)) {
    return null;
  }
  const keys = new Set(records.map(keyOf));
  return (
    <Table
      label="Records"
      rows={records}
      keyOf={keyOf}
      href={(record) => addressOf(batch, record, open)}
      columns={columnsFor(batch, open)}
      open={{
        key: open,
        body: (record) => (
          <RecordDetail batch={batch} id={keyOf(record)} isListed={keys} canChange={canChange} />
        ),
      }}
      empty={
        isSearching ? (
          <p role="status">
            None among the first {formatCount(looked)} of {countOf(indexed, 'record')} yet.
          </p>
        ) : indexed === 0 ? (
          'There are no records yet: workers write them as fetches end.'
        ) : (
          'No record is like that.'
        )
      }
    />
  );
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
