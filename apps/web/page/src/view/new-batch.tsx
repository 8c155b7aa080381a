import { formatCount, formatDuration } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { CommandAnswer } from '../../../src/api/documents.ts';
import { command, toError } from '../api/client.ts';
import { CrawlEditor } from '../editor/crawl-editor.tsx';
import { say } from '../part/notice.tsx';
import { go, route, to } from '../route/route.ts';

/** As `validate --json` prints it. */
interface Preview {
  readonly name: string;
  readonly total: number;
  readonly origins: number;
  readonly hasMoreOrigins: boolean;
  readonly first: readonly {
    readonly index: number;
    readonly method: string;
    readonly url: string;
  }[];
  readonly leastMs: number | null;
  readonly missingSecrets: readonly string[];
}

const KEY = 'fetchfleet-draft';
const EXAMPLE = `name: countries
url: http://127.0.0.1:8787/country/{country}/status/confirmed
params:
  country: { countries: slug }
network: { allowPrivate: true }
politeness:
  rate: 20/s
`;
const TYPED_MS = 400;

/** Paste or drop a crawl file, see what it means, start it. */
export function NewBatch({ canChange }: { readonly canChange: boolean }) {
  const isSchedule = route.value.query['as'] === 'schedule';
  const [text, setText] = useState(sessionStorage.getItem(KEY) ?? EXAMPLE);
  const [cron, setCron] = useState('0 2 * * *');
  const [checked, setChecked] = useState<{ readonly of: string; readonly answer: CommandAnswer }>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    sessionStorage.setItem(KEY, text);
    const timer = setTimeout(() => void check(text, setChecked), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const answer = checked?.of === text ? checked.answer : undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the command prints it
  const preview = answer?.ok === true ? (answer.document as Preview) : undefined;
  const start = async (): Promise<void> => {
    setBusy(true);
    try {
      const request = isSchedule
        ? ({ command: 'schedule add', crawlFile: text, options: { cron } } as const)
        : ({ command: 'start', crawlFile: text } as const);
      const started = await command(request);
      say(started.messages.join('\n'), { isBad: !started.ok });
      const { batch } = (started.document ?? {}) as { readonly batch?: string };
      if (started.ok) {
        sessionStorage.removeItem(KEY);
        go(batch === undefined ? '#/schedules' : to(['batches', batch]));
      }
    } catch (error) {
      say(toError(error).message, { isBad: true });
    } finally {
      setBusy(false);
    }
  };
  if (!canChange) {
    return <p class="empty">This page is read-only: batches are started elsewhere.</p>;
  }
  return (
    <>
      <h1>{isSchedule ? 'New schedule' : 'New batch'}</h1>
      <div class="new">
        <CrawlEditor
          text={text}
          onChange={setText}
          problems={answer?.ok === false ? answer.messages : []}
        />
        <section aria-label="What it means" aria-live="polite">
          {answer === undefined && <p class="quiet">Checking …</p>}
          {answer?.ok === false && <p class="quiet">Nothing would be fetched.</p>}
          {preview !== undefined && <Meaning preview={preview} messages={answer?.messages ?? []} />}
          {isSchedule && (
            <label>
              Runs at <span class="quiet">five fields of cron, UTC</span>
              <input value={cron} onInput={(event) => setCron(event.currentTarget.value)} />
            </label>
          )}
          <button
            type="button"
            class="main"
            disabled={preview === undefined || isBusy}
            title={preview === undefined ? 'The crawl file has problems' : undefined}
            onClick={() => void start()}
          >
            {isSchedule ? 'Add' : 'Start'}
          </button>
        </section>
      </div>
    </>
  );
}

async function check(
  text: string,
  onChecked: (checked: { readonly of: string; readonly answer: CommandAnswer }) => void,
): Promise<void> {
  try {
    onChecked({ of: text, answer: await command({ command: 'validate', crawlFile: text }) });
  } catch (error) {
    const messages = [toError(error).message];
    onChecked({ of: text, answer: { ok: false, document: null, messages } });
  }
}

interface MeaningProps {
  readonly preview: Preview;
  readonly messages: readonly string[];
}

function Meaning({ preview, messages }: MeaningProps) {
  const { name, total, origins, hasMoreOrigins, first, leastMs, missingSecrets } = preview;
  return (
    <>
      <p class="counts">
        <strong>{formatCount(total)}</strong>
        <span>{total === 1 ? 'fetch' : 'fetches'}</span>
        <span>
          of {hasMoreOrigins && 'more than '}
          {formatCount(origins)} {origins === 1 ? 'origin' : 'origins'}
        </span>
        {leastMs !== null && leastMs > 0 && <span>at least {formatDuration(leastMs)}</span>}
        <span class="quiet">{name}</span>
      </p>
      <ol class="first">
        {first.map(({ index, method, url }) => (
          <li key={index} class="id">
            {method} {url}
          </li>
        ))}
      </ol>
      {missingSecrets.length > 0 && (
        <p class="held">▲ needs {missingSecrets.join(', ')} in the environment of workers</p>
      )}
      {messages.length > 0 && <pre class="quiet">{messages.join('\n')}</pre>}
    </>
  );
}
