import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { FleetDocument, OverviewDocument } from '../../src/api/documents.ts';
import { toError } from './api/client.ts';
import { silence } from './api/live.ts';
import { useRead } from './api/use-read.ts';
import { KeysHelp } from './part/keys-help.tsx';
import { say } from './part/notice.tsx';
import { now } from './part/time.tsx';
import { Theme } from './part/theme.tsx';
import { useKeys } from './route/keys.ts';
import { go, route, to } from './route/route.ts';
import { addressFor } from './search.ts';
import { formatDuration } from '@fetchfleet/crawl/units';

const HEALTH_MS = 10_000;
const round = computed(() => Math.floor(now.value / HEALTH_MS));

const VIEWS = ['Batches', 'Records', 'Origins', 'Workers', 'Schedules'] as const;

interface FrameProps {
  readonly fleet: FleetDocument;
  readonly children: ComponentChildren;
}

/** What stands around every view. */
export function Frame({ fleet, children }: FrameProps) {
  const [hasHelp, setHelp] = useState(false);
  // Not a stream: each view has one, and a browser has few connections for a server.
  const { value: overview } = useRead<OverviewDocument>('overview', round.value);
  const { path } = route.value;
  const current = path[2] === 'records' ? 'records' : path[0];
  useKeys({ '?': () => setHelp(true), n: () => go('#/new') });
  return (
    <div class={silence.value === undefined ? 'page' : 'page stale'}>
      <header>
        <a class="brand" href="#/">
          fetchfleet
        </a>
        <Health overview={overview} fleet={fleet} />
        <nav aria-label="Views">
          <a href="#/" aria-current={current === undefined ? 'page' : undefined}>
            Overview
          </a>
          {VIEWS.map((view) => {
            const name = view.toLowerCase();
            return (
              <a key={view} href={to([name])} aria-current={current === name ? 'page' : undefined}>
                {view}
              </a>
            );
          })}
        </nav>
        <Search />
        {!fleet.readOnly && (
          <a class="button" href="#/new">
            + New batch
          </a>
        )}
        <Theme />
        {fleet.readOnly && <span class="quiet">read-only</span>}
      </header>
      <Lost />
      <main>{children}</main>
      {hasHelp && <KeysHelp onClose={() => setHelp(false)} />}
    </div>
  );
}

interface HealthProps {
  readonly overview: OverviewDocument | undefined;
  readonly fleet: FleetDocument;
}

const SIGNS = { unknown: '○', ok: '●', attention: '▲', down: '✕' } as const;

function Health({ overview, fleet }: HealthProps) {
  const health = overview?.health ?? 'unknown';
  const text = overview?.healthText ?? 'not read yet';
  return (
    <span class={`health ${health}`} title={text}>
      <span role="img" aria-label={text}>
        {SIGNS[health]}
      </span>{' '}
      {fleet.fleet}
    </span>
  );
}

/** The server of this page is gone: nothing that stands here is new. */
function Lost() {
  const found = silence.value;
  if (found === undefined) {
    return null;
  }
  return (
    <p class="lost" role="alert">
      {found.reason}. What you see is older than {formatDuration(now.value - found.since)}.
    </p>
  );
}

/** Finds batches, origins, schedules and URLs by a part of their names. */
function Search() {
  const input = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => input.current?.focus() });
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        addressFor(input.current?.value.trim() ?? '').then(go, (error: unknown) =>
          say(toError(error).message, { isBad: true }),
        );
        input.current?.blur();
      }}
    >
      <input
        ref={input}
        type="search"
        placeholder="/  search"
        aria-label="Search batches, origins, schedules and URLs"
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            input.current?.blur();
          }
        }}
      />
    </form>
  );
}
