import { formatBytes, formatCount } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { RecordDetail } from '../../../src/api/documents.ts';
import { JsonTree } from './json-tree.tsx';
import { parseJson } from './parse-json.ts';

/** Larger bodies are saved rather than drawn. */
const MAX_SHOWN_BYTES = 16 * 1024 * 1024;
/** Characters that are drawn at once. */
const STEP = 50_000;

type BodyDocument = NonNullable<RecordDetail['body']>;

interface RecordBodyProps {
  readonly path: string;
  readonly body: BodyDocument;
}

/** A body as what it is. HTML and SVG are text; nothing that an origin sent becomes markup here. */
export function RecordBody({ path, body }: RecordBodyProps) {
  const { kind, bytes, isServed } = body;
  if (!isServed) {
    return <p class="quiet">The body has {formatBytes(bytes)}: too much for this page.</p>;
  }
  const isShown = bytes <= MAX_SHOWN_BYTES && kind !== 'binary';
  return (
    <>
      <p>
        <a href={`${path}?download`} download>
          save the body
        </a>{' '}
        <span class="quiet">
          {formatBytes(bytes)}
          {!isShown && kind !== 'binary' && ': too much to be drawn'}
        </span>
      </p>
      {kind === 'image' && isShown && (
        <iframe class="preview" sandbox="" src={path} title="The body of this record" />
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
  const [value, setValue] = useState<{ readonly value: unknown }>();
  useEffect(() => {
    const aborter = new AbortController();
    const load = async (): Promise<void> => {
      const response = await fetch(path, { signal: aborter.signal });
      const found = await response.text();
      setValue(kind === 'json' ? parseJson(found) : undefined);
      setText(found);
    };
    load().catch(() => undefined); // it is closed, or the bar says that the server is gone
    return () => aborter.abort();
  }, [path]);
  if (text === undefined) {
    return <p class="quiet">Reading …</p>;
  }
  return value === undefined ? <LongText text={text} /> : <JsonTree value={value.value} />;
}

/** As much as a browser lays out in no time; the rest comes in steps. */
export function LongText({ text }: { readonly text: string }) {
  const [shown, setShown] = useState(STEP);
  return (
    <>
      <pre class="body" tabIndex={0}>
        {text.slice(0, shown)}
      </pre>
      {shown < text.length && (
        <p class="pages">
          <span class="quiet">
            {formatCount(shown)} of {formatCount(text.length)} characters
          </span>
          <button type="button" onClick={() => setShown(shown + STEP)}>
            more
          </button>
        </p>
      )}
    </>
  );
}
