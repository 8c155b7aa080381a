import { useEffect, useRef, useState } from 'preact/hooks';
import { type KeyHere, keysHere, type Schema } from './keys-here.ts';

interface CrawlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** What the command line says of it, with lines: `crawl.yaml:4:3 params.b: …`. */
  readonly problems: readonly string[];
}

const POSITION = /^(?:error: )?\S*?:(\d+):(\d+) /;

/** A field for a crawl file: keys that fit at the cursor, and problems that lead to theirs. */
export function CrawlEditor({ text, onChange, problems }: CrawlEditorProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(0);
  const schema = useSchema();
  const keys = schema === undefined ? [] : keysHere(schema, text, caret);
  const onMove = (): void => setCaret(field.current?.selectionStart ?? 0);
  const goTo = (line: number, column: number): void => {
    const before = text.split('\n').slice(0, line - 1);
    const at = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
    field.current?.focus();
    field.current?.setSelectionRange(at, at);
    onMove();
  };
  const insert = ({ key }: KeyHere): void => {
    const start = caret - (/[^\s-]*$/.exec(text.slice(0, caret))?.[0].length ?? 0);
    const added = `${key}: `;
    onChange(`${text.slice(0, start)}${added}${text.slice(caret)}`);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(start + added.length, start + added.length);
      onMove();
    });
  };
  return (
    <div class="editor">
      <label>
        <span>
          Crawl file <span class="quiet">paste it, or drop the file here</span>
        </span>
        <textarea
          ref={field}
          value={text}
          spellcheck={false}
          rows={20}
          onInput={(event) => {
            onChange(event.currentTarget.value);
            onMove();
          }}
          onSelect={onMove}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            const file = event.dataTransfer?.files[0];
            if (file !== undefined) {
              event.preventDefault();
              void file.text().then(onChange);
            }
          }}
        />
      </label>
      {problems.length > 0 && <Problems problems={problems} onChoose={goTo} />}
      {keys.length > 0 && <Keys keys={keys} onChoose={insert} />}
    </div>
  );
}

/** The schema is large, and needed here alone. */
function useSchema(): Schema | undefined {
  const [schema, setSchema] = useState<Schema>();
  useEffect(() => {
    const load = async (): Promise<void> => {
      const { default: loaded } = await import('@fetchfleet/crawl/schema');
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own type is too exact
      setSchema(loaded as unknown as Schema);
    };
    void load();
  }, []);
  return schema;
}

interface ProblemsProps {
  readonly problems: readonly string[];
  readonly onChoose: (line: number, column: number) => void;
}

function Problems({ problems, onChoose }: ProblemsProps) {
  return (
    <ul class="problems" role="alert">
      {problems.map((problem) => {
        const [start, line, column] = POSITION.exec(problem) ?? [];
        if (start === undefined) {
          return (
            <li key={problem} class="problem">
              {problem}
            </li>
          );
        }
        return (
          <li key={problem} class="problem">
            <button type="button" onClick={() => onChoose(Number(line), Number(column))}>
              line {line}
            </button>{' '}
            {problem.slice(start.length)}
          </li>
        );
      })}
    </ul>
  );
}

interface KeysProps {
  readonly keys: readonly KeyHere[];
  readonly onChoose: (key: KeyHere) => void;
}

function Keys({ keys, onChoose }: KeysProps) {
  return (
    <details class="keys-here" open>
      <summary>
        What can stand here <span class="quiet">({keys.length})</span>
      </summary>
      <ul>
        {keys.map((key) => (
          <li key={key.key}>
            <button type="button" onClick={() => onChoose(key)}>
              {key.key}
            </button>{' '}
            <span class="quiet">
              {key.description}
              {key.usual !== undefined && ` Usually ${key.usual}.`}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
