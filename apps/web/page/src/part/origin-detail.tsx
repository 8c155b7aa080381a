import { formatCount, formatDuration, formatRate } from '@fetchfleet/crawl/units';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { OriginDetail, OriginDocument, OriginEvent } from '../../../src/api/documents.ts';
import { useLive } from '../api/live.ts';
import { useRead } from '../api/use-read.ts';
import { Sparkline } from '../chart/sparkline.tsx';
import { to } from '../route/route.ts';
import { run } from './run.ts';
import { Ago, Clock } from './time.tsx';

interface OriginDetailProps {
  readonly name: string;
  readonly canChange: boolean;
}

/** What the fleet knows of one origin, and what has happened there. */
export function OriginDetails({ name, canChange }: OriginDetailProps) {
  const live = useLive<OriginDetail>(`origin:${encodeURIComponent(name)}`);
  // A stream says nothing of an origin that is not known.
  const known = useRead<OriginDetail>(`origins/${encodeURIComponent(name)}`);
  const detail = live ?? known.value;
  if (detail === undefined) {
    return known.error === undefined ? (
      <p class="quiet">Reading …</p>
    ) : (
      <p class="quiet" role="alert">
        {known.error.message}
      </p>
    );
  }
  return (
    <div class="detail">
      <div class="charts">
        <Facts detail={detail} />
        <History events={detail.events} />
      </div>
      {canChange && <Actions detail={detail} />}
    </div>
  );
}

function Facts({ detail }: { readonly detail: OriginDetail }) {
  const { origin, learnedRates, batches, batchCount, robots } = detail;
  const { rate, burst, concurrency, workers, lastError, learnedRate } = origin;
  const until = origin.openUntil ?? origin.blockedUntil;
  return (
    <dl>
      {until !== null && (
        <Fact name="next try">
          <Clock at={until} />
          {lastError !== null && <span class="quiet"> {lastError}</span>}
        </Fact>
      )}
      <Fact name="rate">
        {rate.limit} <Source of={rate} />
      </Fact>
      {burst > 1 && <Fact name="burst">{formatCount(burst)}</Fact>}
      <Fact name="in flight at most">
        {concurrency.limit} <Source of={concurrency} />
      </Fact>
      {learnedRate !== null && (
        <Fact name="learned">
          {formatRate(learnedRate)}{' '}
          {learnedRates !== null && (
            <>
              <Sparkline series={learnedRates} label="Learned rate" />{' '}
              <span class="quiet">last hour</span>
            </>
          )}
        </Fact>
      )}
      <Fact name="workers">{formatCount(workers)}</Fact>
      <Fact name="robots.txt">
        <Robots robots={robots} />
      </Fact>
      <Fact name="batches">
        {batchCount === 0 && <span class="quiet">none has asked within a minute</span>}
        {batches.map((batch) => (
          <a key={batch} class="id" href={to(['batches', batch])}>
            {batch}{' '}
          </a>
        ))}
        {batchCount > batches.length && (
          <span class="quiet">and {formatCount(batchCount - batches.length)} more</span>
        )}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Source({ of: { source } }: { readonly of: { readonly source: string } }) {
  return source === 'none' ? null : <span class="quiet">({source})</span>;
}

function Robots({ robots }: Pick<OriginDetail, 'robots'>) {
  const { state, readAt, crawlDelayMs, reason, tries, againAt } = robots;
  if (state === 'unreachable') {
    return (
      <>
        <span class="word bad">
          <span aria-hidden="true">✕</span> cannot be had
        </span>
        <span class="quiet">
          {tries !== null && tries > 1 && `, was asked for ${formatCount(tries)} times`}: {reason};{' '}
          {againAt === null ? 'is asked for again' : <Again at={againAt} />}
        </span>
      </>
    );
  }
  const texts = { rules: 'known', none: 'there is none', unknown: 'not read' };
  return (
    <>
      {texts[state]}
      <span class="quiet">
        {state !== 'unknown' && readAt !== null && (
          <>
            , read <Ago at={readAt} />
          </>
        )}
        {crawlDelayMs !== null && `, asks for ${formatDuration(crawlDelayMs)} between two fetches`}
      </span>
    </>
  );
}

function Again({ at }: { readonly at: string }) {
  return (
    <>
      again at <Clock at={at} />
    </>
  );
}

/** Shown before somebody asks for the others. */
const FEW_EVENTS = 8;

const SIGNS: Readonly<Record<OriginEvent['event'], readonly [sign: string, kind: string]>> = {
  blocked: ['▲', 'held'],
  opened: ['✕', 'bad'],
  'half-open': ['…', 'busy'],
  closed: ['✓', 'good'],
  slowed: ['▲', 'held'],
  narrowed: ['▲', 'held'],
  set: ['·', 'quiet'],
  unset: ['·', 'quiet'],
  forgotten: ['·', 'quiet'],
  tried: ['·', 'quiet'],
};

function History({ events }: { readonly events: readonly OriginEvent[] }) {
  const [most, setMost] = useState(FEW_EVENTS);
  const rest = events.length - most;
  return (
    <section aria-label="What happened">
      <h2>What happened</h2>
      {events.length === 0 && <p class="quiet">Nothing that the fleet remembers.</p>}
      <ol class="events">
        {events.slice(0, most).map(({ at, lastAt, times, event, text, until, by }) => (
          <li key={`${at} ${event}`}>
            <Clock at={at} />
            <span class="what">
              <span class={`word long ${SIGNS[event][1]}`}>
                <span aria-hidden="true">{SIGNS[event][0]}</span> {text}
              </span>
              <span class="quiet">
                {until !== null && (
                  <>
                    {' until '}
                    <Clock at={until} />
                  </>
                )}
                {times > 1 && (
                  <>
                    {`${until === null ? '' : ','} ${formatCount(times)} times, last `}
                    <Clock at={lastAt} />
                  </>
                )}
                {by !== null && ` by ${by}`}
              </span>
            </span>
          </li>
        ))}
      </ol>
      {rest > 0 && (
        <button type="button" onClick={() => setMost(Infinity)}>
          {formatCount(rest)} more
        </button>
      )}
    </section>
  );
}

/** Whether something keeps it shut that can be ended. */
export function isShut({ breaker, blockedMs, robotsError }: OriginDocument): boolean {
  return breaker === 'open' || blockedMs !== null || robotsError !== null;
}

export function TryNow({ origin }: { readonly origin: string }) {
  return (
    <button
      type="button"
      title="Ends the wait: one fetch tries it, and the others follow when it is answered"
      onClick={() => void run({ command: 'origins try', target: origin })}
    >
      Try now
    </button>
  );
}

/** The limits that people set override those of every crawl file. */
function Actions({ detail: { origin: status } }: { readonly detail: OriginDetail }) {
  const { origin, rate, concurrency, learnedRate } = status;
  const isSet = rate.source === 'set' || concurrency.source === 'set';
  const hasLearned = learnedRate !== null || concurrency.source === 'learned';
  const [typed, setTyped] = useState({
    rate: rate.source === 'set' ? rate.limit : '',
    concurrency: concurrency.source === 'set' ? String(concurrency.limit) : '',
  });
  const options = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== ''));
  return (
    <form
      class="limits"
      onSubmit={(event) => {
        event.preventDefault();
        void run({ command: 'origins set', target: origin, options });
      }}
    >
      <label>
        rate
        <input
          value={typed.rate}
          placeholder="5/s"
          onInput={(event) => setTyped({ ...typed, rate: event.currentTarget.value })}
        />
      </label>
      <label>
        in flight
        <input
          value={typed.concurrency}
          placeholder="8"
          inputMode="numeric"
          onInput={(event) => setTyped({ ...typed, concurrency: event.currentTarget.value })}
        />
      </label>
      <button type="submit" disabled={Object.keys(options).length === 0}>
        Set limits
      </button>
      {isSet && (
        <button
          type="button"
          onClick={() => void run({ command: 'origins unset', target: origin })}
        >
          Unset
        </button>
      )}
      {hasLearned && (
        <button
          type="button"
          title="Forgets the rate and the concurrency that the fleet has learned"
          onClick={() =>
            void run({ command: 'origins set', target: origin, options: { forget: true } })
          }
        >
          Forget what was learned
        </button>
      )}
      {isShut(status) && <TryNow origin={origin} />}
    </form>
  );
}
