import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { OriginDocument, OriginsDocument } from '../../../src/api/documents.ts';
import { query } from '../api/client.ts';
import { useLive } from '../api/live.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { OriginTable } from '../part/origin-table.tsx';
import { run } from '../part/run.ts';
import { Clock } from '../part/time.tsx';
import { route } from '../route/route.ts';

/** Why is it slow? */
export function Origins({ canChange }: { readonly canChange: boolean }) {
  const { text = '', open } = route.value.query;
  const live = useLive<OriginsDocument>(`origins&${query({ text: text || open }).slice(1)}`);
  const origins = live?.origins ?? [];
  return (
    <>
      <h1>Origins</h1>
      <Filters>
        <Filter name="text" label="origin" resets={['open']} />
        {live !== undefined && (
          <span class="quiet">
            {formatCount(origins.length)} of {formatCount(live.total)}, the worst first
          </span>
        )}
      </Filters>
      {live !== undefined && (
        <OriginTable
          origins={origins}
          canChange={canChange}
          open={{
            key: open,
            body: (origin) => <OriginDetail origin={origin} canChange={canChange} />,
          }}
        />
      )}
    </>
  );
}

interface DetailProps {
  readonly origin: OriginDocument;
  readonly canChange: boolean;
}

function OriginDetail({ origin, canChange }: DetailProps) {
  const { rate, burst, concurrency, workers, blockedUntil, openUntil, lastError } = origin;
  const until = openUntil ?? blockedUntil;
  return (
    <div class="detail">
      <dl>
        <dt>rate</dt>
        <dd>
          {rate.limit} <span class="quiet">({rate.source})</span>
        </dd>
        <dt>burst</dt>
        <dd>{burst}</dd>
        <dt>in flight at most</dt>
        <dd>
          {concurrency.limit} <span class="quiet">({concurrency.source})</span>
        </dd>
        <dt>workers that use it</dt>
        <dd>{workers}</dd>
        {lastError !== null && (
          <>
            <dt>last error</dt>
            <dd>{lastError}</dd>
          </>
        )}
        {until !== null && (
          <>
            <dt>next try</dt>
            <dd>
              <Clock at={until} />
            </dd>
          </>
        )}
      </dl>
      {canChange && <Limits origin={origin} />}
    </div>
  );
}

/** The limits that people set; they override those of every crawl file. */
function Limits({ origin: { origin, rate, concurrency } }: { readonly origin: OriginDocument }) {
  const isSet = rate.source === 'set' || concurrency.source === 'set';
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
      <button
        type="button"
        title="Forgets what the fleet has learned of this origin, and tries it now"
        onClick={() =>
          void run({ command: 'origins set', target: origin, options: { forget: true } })
        }
      >
        Try now
      </button>
    </form>
  );
}
