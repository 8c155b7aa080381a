import { formatCount } from '@fetchfleet/crawl/units';
import type { OriginsDocument } from '../../../src/api/documents.ts';
import { query } from '../api/client.ts';
import { useLive } from '../api/live.ts';
import { Filter, Filters } from '../part/filters.tsx';
import { OriginDetails } from '../part/origin-detail.tsx';
import { OriginTable } from '../part/origin-table.tsx';
import { route } from '../route/route.ts';

/** Why is it slow? */
export function Origins({ canChange }: { readonly canChange: boolean }) {
  const { text = '', open } = route.value.query;
  const live = useLive<OriginsDocument>(`origins&${query({ text }).slice(1)}`);
  const origins = live?.origins ?? [];
  const isListed = origins.some(({ origin }) => origin === open);
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
      {live !== undefined && open !== undefined && !isListed && (
        <section aria-label={open}>
          <h2 class="id">{open}</h2>
          <OriginDetails key={open} name={open} canChange={canChange} />
        </section>
      )}
      {live !== undefined && (
        <OriginTable
          origins={origins}
          canChange={canChange}
          empty={
            text === '' ? (
              <>
                No worker has fetched within the last half hour, and no limit is set. Set one with{' '}
                <code>fetchfleet origins set https://api.example --rate 5/s</code>.
              </>
            ) : (
              'No origin is called like that.'
            )
          }
          open={{
            key: open,
            body: ({ origin }) => (
              <OriginDetails key={origin} name={origin} canChange={canChange} />
            ),
          }}
        />
      )}
    </>
  );
}
