import { formatBytes, formatDuration } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { RecordDetail as RecordDocument } from '../../../src/api/documents.ts';
import { useRead } from '../api/use-read.ts';
import { JsonTree } from './json-tree.tsx';
import { say } from './notice.tsx';
import { Outcome } from '../batch/outcome.tsx';
import { to } from '../route/route.ts';
import { run } from './run.ts';
import { Clock } from './time.tsx';

/** What a record may have besides what lists show. */
type Whole = RecordDocument['record'] & {
  readonly method?: string;
  readonly attempts?: number;
  readonly contentType?: string;
  readonly worker?: string;
  readonly finalUrl?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly error?: { readonly code: string; readonly message: string };
  readonly unchanged?: { readonly batch: string; readonly index: number };
};

interface RecordDetailProps {
  readonly batch: string;
  /** `17`, or `17.2` for its second page. */
  readonly id: string;
  readonly canChange: boolean;
}

/** One record with everything that is known of it. */
export function RecordDetail({ batch, id, canChange }: RecordDetailProps) {
  const path = `batches/${encodeURIComponent(batch)}/records/${id}`;
  const { value: found, error } = useRead<RecordDocument>(path);
  if (found === undefined) {
    return error === undefined ? null : <p role="alert">{error.message}</p>;
  }
  const { body } = found;
  const record: Whole = found.record;
  const { url, status, attempts, durationMs, worker, bytes, contentType, headers } = record;
  return (
    <div class="detail record">
      <p class="url">
        <span class="id">{url}</span>
        <Copy title="copy URL" text={url} />
        <Copy title="copy as curl" text={curlOf(record)} />
        {canChange && (
          <button
            type="button"
            onClick={() =>
              void run({
                command: 'fetch-again',
                target: batch,
                options: { index: id.split('.')[0] ?? '' },
              })
            }
          >
            fetch again
          </button>
        )}
      </p>
      <p class="counts">
        <Outcome outcome={record.outcome} />
        {status !== null && <span>{status}</span>}
        {attempts !== undefined && <span>attempt {attempts}</span>}
        <span>{formatDuration(durationMs)}</span>
        <span>{formatBytes(bytes)}</span>
        {contentType !== undefined && <span class="quiet">{contentType}</span>}
        {worker !== undefined && <span class="quiet">{worker}</span>}
        <Clock at={record.startedAt} />
      </p>
      {record.finalUrl !== undefined && (
        <p>
          <span class="quiet">led to</span> <span class="id">{record.finalUrl}</span>
        </p>
      )}
      {record.unchanged !== undefined && (
        <p>
          <span class="quiet">unchanged since</span>{' '}
          <a
            class="id"
            href={to(['batches', record.unchanged.batch, 'records'], {
              from: record.unchanged.index,
              open: record.unchanged.index,
            })}
          >
            {record.unchanged.batch}
          </a>
        </p>
      )}
      {record.error !== undefined && (
        <p class="problem">
          {record.error.code}: {record.error.message}
        </p>
      )}
      {headers !== undefined && (
        <details>
          <summary>headers ({Object.keys(headers).length})</summary>
          <dl>
            {Object.entries(headers).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd class="id">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {body !== null && <Body path={`api/${path}/body`} body={body} />}
    </div>
  );
}

/** Larger bodies are saved rather than drawn. */
const MAX_SHOWN_BYTES = 2_000_000;

type BodyDocument = NonNullable<RecordDocument['body']>;

function Body({ path, body }: { readonly path: string; readonly body: BodyDocument }) {
  const { kind, bytes, isServed } = body;
  if (!isServed) {
    return <p class="quiet">The body has {formatBytes(bytes)}: too much for this page.</p>;
  }
  const isShown = bytes <= MAX_SHOWN_BYTES;
  return (
    <>
      <p>
        <a href={path} download>
          save the body
        </a>{' '}
        <span class="quiet">{formatBytes(bytes)}</span>
      </p>
      {kind === 'image' && isShown && (
        <img class="preview" src={path} alt="The body of this record" loading="lazy" />
      )}
      {(kind === 'json' || kind === 'text') && isShown && <TextBody path={path} kind={kind} />}
    </>
  );
}

interface TextBodyProps {
  readonly path: string;
  readonly kind: 'json' | 'text';
}

function TextBody({ path, kind }: TextBodyProps) {
  const [text, setText] = useState<string>();
  useEffect(() => {
    const aborter = new AbortController();
    fetch(path, { signal: aborter.signal })
      .then(async (response) => setText(await response.text()))
      .catch(() => undefined); // it is closed, or the bar says that the server is gone
    return () => aborter.abort();
  }, [path]);
  if (text === undefined) {
    return null;
  }
  const value = kind === 'json' ? parsed(text) : undefined;
  return value === undefined ? <pre class="body">{text}</pre> : <JsonTree value={value.value} />;
}

/** Undefined where the browser cannot hold it, such as very deep ones: it is shown as text. */
function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function Copy({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <button
      type="button"
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => say('Copied'),
          () => say(text), // not on plain http: it can be marked and copied from there
        );
      }}
    >
      {title}
    </button>
  );
}

/** Without headers: they may hold secrets, which nobody here knows. */
function curlOf({ url, method = 'GET' }: Whole): string {
  const quoted = `'${url.replaceAll("'", String.raw`'\''`)}'`;
  return method === 'GET' ? `curl ${quoted}` : `curl -X ${method} ${quoted}`;
}
