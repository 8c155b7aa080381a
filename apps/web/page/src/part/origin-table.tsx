import { formatCount, formatDuration, formatRate } from '@fetchfleet/crawl/units';
import type { ComponentChildren } from 'preact';
import type { OriginDocument, WatchedOrigin } from '../../../src/api/documents.ts';
import { useRef, useState } from 'preact/hooks';
import { route, to } from '../route/route.ts';
import { Hour } from '../chart/hour.tsx';
import { isShut, TryNow } from './origin-detail.tsx';
import { inSteadyOrder } from './steady-order.ts';
import { Table } from './table.tsx';
import { whole } from './time.tsx';

type Listed = OriginDocument & Partial<Pick<WatchedOrigin, 'lastHour'>>;

interface OriginTableProps {
  /** With the last hour of each, or without. */
  readonly origins: readonly Listed[];
  readonly canChange: boolean;
  /** What to say where there are none. @default nothing */
  readonly empty?: ComponentChildren;
  /** The one that is open, and what stands below it. */
  readonly open?: {
    readonly key: string | undefined;
    readonly body: (origin: OriginDocument) => ComponentChildren;
  };
}

export function OriginTable({ origins, canChange, empty, open }: OriginTableProps) {
  const [isTouched, setTouched] = useState(false);
  const places = useRef(new Map<string, number>());
  const rows = inSteadyOrder(origins, {
    keyOf: ({ origin }) => origin,
    places: places.current,
    isHeld: isTouched || open?.key !== undefined,
  });
  return (
    <div
      onPointerEnter={() => setTouched(true)}
      onPointerLeave={() => setTouched(false)}
      onFocusIn={() => setTouched(true)}
      onFocusOut={() => setTouched(false)}
    >
      <Table
        label="Origins"
        rows={rows}
        keyOf={({ origin }) => origin}
        href={({ origin }) => addressOf(origin, open?.key)}
        {...(open !== undefined && { open })}
        columns={[
          {
            title: 'origin',
            cell: ({ origin }) => (
              <a class="id" href={addressOf(origin, open?.key)}>
                {origin}
              </a>
            ),
          },
          {
            title: 'state',
            cell: (origin) => {
              const [sign, kind, text] = stateOf(origin);
              return (
                <span class={`word long ${kind}`}>
                  <span aria-hidden="true">{sign}</span> {text}
                </span>
              );
            },
          },
          {
            title: 'in use',
            align: 'right',
            cell: ({ inUse, concurrency: { limit } }) =>
              limit === 'unlimited'
                ? formatCount(inUse)
                : `${formatCount(inUse)} of ${formatCount(limit)}`,
            rank: 3,
          },
          {
            title: 'waiting',
            align: 'right',
            cell: ({ waiting }) =>
              waiting === 0 ? <span class="quiet">–</span> : formatCount(waiting),
          },
          ...(origins.some(({ lastHour }) => lastHour != null)
            ? [
                {
                  title: 'last hour',
                  cell: ({ lastHour }: Listed) => lastHour != null && <Hour hour={lastHour} />,
                  rank: 2 as const,
                },
              ]
            : []),
          {
            title: 'rate',
            align: 'right',
            cell: ({ rate: { limit, source } }) => (
              <>
                {limit === 'unlimited' ? <span class="quiet">–</span> : limit}
                {source !== 'none' && <span class="quiet"> {source}</span>}
              </>
            ),
            rank: 2,
          },
          {
            title: 'learned',
            align: 'right',
            cell: ({ learnedRate }) =>
              learnedRate === null ? <span class="quiet">–</span> : formatRate(learnedRate),
            rank: 1,
          },
          {
            title: 'takes',
            align: 'right',
            cell: ({ durationMs }) =>
              durationMs === null ? <span class="quiet">–</span> : formatDuration(durationMs),
            rank: 1,
          },
          ...(canChange
            ? [
                {
                  title: 'actions',
                  isTitleHidden: true,
                  align: 'right' as const,
                  cell: (origin: OriginDocument) =>
                    isShut(origin) && <TryNow origin={origin.origin} />,
                },
              ]
            : []),
        ]}
        empty={empty}
      />
    </div>
  );
}

/** Opens a row, or closes the one that is open; what the list is filtered by stays. */
function addressOf(origin: string, open: string | undefined): string {
  const { path, query } = route.value;
  const text = path[0] === 'origins' ? query['text'] : undefined;
  return to(['origins'], { text, open: origin === open ? undefined : origin });
}

/** As `fetchfleet origins` says it. */
function stateOf(origin: OriginDocument): readonly [sign: string, kind: string, text: string] {
  const { breaker, openMs, blockedMs, blockedFor, lastError, inUse, waiting, rate } = origin;
  const { robotsError } = origin;
  const why = lastError ?? blockedFor;
  const because = why === null ? '' : ` (${why})`;
  if (breaker === 'open') {
    return ['✕', 'bad', `down, next try in ${whole(openMs ?? 0)}${because}`];
  }
  if (breaker === 'half-open') {
    return ['✕', 'bad', `down, one fetch may try${because}`];
  }
  if (blockedMs !== null) {
    return ['▲', 'held', `blocked, next try in ${whole(blockedMs)}${because}`];
  }
  if (robotsError !== null) {
    return ['▲', 'held', `waits for its robots.txt (${robotsError})`];
  }
  if (rate.source === 'learned') {
    return ['▲', 'held', 'slowed down, as it asked'];
  }
  if (inUse > 0) {
    return ['▶', 'busy', 'fetching'];
  }
  return waiting > 0 ? ['…', 'quiet', 'waiting'] : ['·', 'quiet', 'idle'];
}
