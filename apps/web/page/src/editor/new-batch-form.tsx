import { countOf, formatCount, formatDuration } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { CommandAnswer, CommandRequest, RequestDocument } from '../../../src/api/documents.ts';
import { command, toError } from '../api/client.ts';
import { Requests } from '../batch/requests.tsx';
import { CrawlEditor } from './crawl-editor.tsx';
import { say } from '../part/notice.tsx';
import { run } from '../part/run.ts';
import { go, route, to } from '../route/route.ts';
import { optionsOf, ScheduleForm, USUAL } from '../schedule/schedule-form.tsx';

/** As `validate --json` prints it. */
interface Preview {
  readonly name: string;
  readonly total: number;
  readonly origins: number;
  readonly hasMoreOrigins: boolean;
  readonly first: readonly RequestDocument[];
  readonly maxPages: number | null;
  readonly leastMs: number | null;
  readonly workerProblems: readonly string[] | null;
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
export function NewBatchForm() {
  const isSchedule = route.value.query['as'] === 'schedule';
  const [text, setText] = useState(sessionStorage.getItem(KEY) ?? EXAMPLE);
  const [options, setOptions] = useState(USUAL);
  const [limit, setLimit] = useState('');
  const [isBusy, setBusy] = useState(false);
  const only: CommandRequest['options'] = isSchedule || limit === '' ? {} : { limit };
  const { answer, isCurrent } = useCheck(text, only);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the command prints it
  const preview = answer?.ok === true ? (answer.document as Preview) : undefined;
  const start = async (): Promise<void> => {
    setBusy(true);
    const started = await run(
      isSchedule
        ? { command: 'schedule add', crawlFile: text, options: optionsOf(options) }
        : { command: 'start', crawlFile: text, options: only },
    );
    setBusy(false);
    if (started?.ok === true) {
      const { batch, id, total = 0 } = startedIn(started);
      if (batch !== undefined) {
        say(`Enqueued ${countOf(total, 'fetch')}`);
      }
      sessionStorage.removeItem(KEY);
      go(batch === undefined ? to(['schedules'], { open: id }) : to(['batches', batch]));
    }
  };
  const reason = isBusy ? 'It is being enqueued …' : reasonOf(isCurrent ? answer : undefined);
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
          {preview !== undefined && <Meaning preview={preview} messages={answer?.messages ?? []} />}
          {isSchedule ? (
            <ScheduleForm options={options} onChange={setOptions} name={preview?.name} />
          ) : (
            <div class="limits">
              <label>
                Only the first
                <input
                  type="text"
                  inputMode="numeric"
                  placeholder="all"
                  value={limit}
                  onInput={(event) => setLimit(event.currentTarget.value.replaceAll(/\D/g, ''))}
                />
              </label>
            </div>
          )}
          <p class="pager">
            <button
              type="button"
              class="main"
              disabled={reason !== undefined}
              onClick={() => void start()}
            >
              {isSchedule ? 'Add' : 'Start'}
            </button>
            {reason !== undefined && <span class="quiet">{reason}</span>}
          </p>
        </section>
      </div>
    </>
  );
}

/** Why it cannot be started now. */
function reasonOf(answer: CommandAnswer | undefined): string | undefined {
  if (answer === undefined) {
    return 'Checking …';
  }
  const count = answer.messages.length;
  return answer.ok
    ? undefined
    : `The crawl file has ${count === 1 ? 'a problem' : 'problems'}: nothing would be fetched.`;
}

interface Started {
  readonly batch?: string;
  readonly total?: number;
  /** Of a schedule. */
  readonly id?: string;
}

function startedIn({ document }: CommandAnswer): Started {
  return document ?? {}; // as the commands print it
}

interface Checked {
  /** What `validate` has said last: it stays while the next answer is awaited. */
  readonly answer: CommandAnswer | undefined;
  /** Whether it is about the text as it is now. */
  readonly isCurrent: boolean;
}

function useCheck(text: string, only: NonNullable<CommandRequest['options']>): Checked {
  const key = JSON.stringify([text, only]);
  const [checked, setChecked] = useState<{ readonly of: string; readonly answer: CommandAnswer }>();
  useEffect(() => {
    sessionStorage.setItem(KEY, text);
    let isOver = false;
    const onChecked: typeof setChecked = (found) => {
      if (!isOver) {
        setChecked(found);
      }
    };
    const timer = setTimeout(() => {
      void check(text, only).then((answer) => onChecked({ of: key, answer }));
    }, TYPED_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [key]);
  return { answer: checked?.answer, isCurrent: checked?.of === key };
}

async function check(
  crawlFile: string,
  only: NonNullable<CommandRequest['options']>,
): Promise<CommandAnswer> {
  try {
    return await command({
      command: 'validate',
      crawlFile,
      options: { ...only, askWorkers: true },
    });
  } catch (error) {
    return { ok: false, document: null, messages: [toError(error).message] };
  }
}

interface MeaningProps {
  readonly preview: Preview;
  readonly messages: readonly string[];
}

function Meaning({ preview, messages }: MeaningProps) {
  const { name, total, origins, hasMoreOrigins, first, leastMs, maxPages } = preview;
  const warnings = [...(preview.workerProblems ?? []), ...messages];
  return (
    <>
      <p class="counts">
        <strong>{formatCount(total)}</strong>
        <span>{total === 1 ? 'fetch' : 'fetches'}</span>
        <span>
          of {hasMoreOrigins && 'more than '}
          {countOf(origins, 'origin')}
        </span>
        {maxPages !== null && <span>up to {countOf(maxPages, 'page')} each</span>}
        {leastMs !== null && leastMs > 0 && (
          <span title="politeness.rate allows no less">at least {formatDuration(leastMs)}</span>
        )}
        <span class="quiet">{name}</span>
      </p>
      {warnings.length > 0 && (
        <ul class="warnings">
          {warnings.map((warning) => (
            <li key={warning}>
              <span class="held" role="img" aria-label="warning">
                ▲
              </span>{' '}
              {warning.replace(/^warning: /, '')}
            </li>
          ))}
        </ul>
      )}
      <div>
        <h2>First requests</h2>
        <Requests requests={first} />
      </div>
    </>
  );
}
