import { formatCount, formatDuration } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { CommandAnswer, RequestDocument } from '../../../src/api/documents.ts';
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
  const [isBusy, setBusy] = useState(false);
  const { answer, isCurrent } = useCheck(text);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the command prints it
  const preview = answer?.ok === true ? (answer.document as Preview) : undefined;
  const start = async (): Promise<void> => {
    setBusy(true);
    const started = await run(
      isSchedule
        ? { command: 'schedule add', crawlFile: text, options: optionsOf(options) }
        : { command: 'start', crawlFile: text },
    );
    setBusy(false);
    if (started?.ok === true) {
      const { batch, id, total = 0 } = startedIn(started);
      if (batch !== undefined) {
        say(`Enqueued ${formatCount(total)} ${total === 1 ? 'fetch' : 'fetches'}`);
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
          {isSchedule && (
            <ScheduleForm options={options} onChange={setOptions} name={preview?.name} />
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

function useCheck(text: string): Checked {
  const [checked, setChecked] = useState<{ readonly of: string; readonly answer: CommandAnswer }>();
  useEffect(() => {
    sessionStorage.setItem(KEY, text);
    let isOver = false;
    const onChecked: typeof setChecked = (found) => {
      if (!isOver) {
        setChecked(found);
      }
    };
    const timer = setTimeout(() => void check(text, onChecked), TYPED_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [text]);
  return { answer: checked?.answer, isCurrent: checked?.of === text };
}

async function check(
  text: string,
  onChecked: (checked: { readonly of: string; readonly answer: CommandAnswer }) => void,
): Promise<void> {
  try {
    const options = { askWorkers: true };
    onChecked({
      of: text,
      answer: await command({ command: 'validate', crawlFile: text, options }),
    });
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
  const { name, total, origins, hasMoreOrigins, first, leastMs, maxPages } = preview;
  const warnings = [...(preview.workerProblems ?? []), ...messages];
  return (
    <>
      <p class="counts">
        <strong>{formatCount(total)}</strong>
        <span>{total === 1 ? 'fetch' : 'fetches'}</span>
        <span>
          of {hasMoreOrigins && 'more than '}
          {formatCount(origins)} {origins === 1 ? 'origin' : 'origins'}
        </span>
        {maxPages !== null && <span>up to {formatCount(maxPages)} pages each</span>}
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
