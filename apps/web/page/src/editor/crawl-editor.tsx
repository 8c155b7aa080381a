import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Problems, problemsAt } from './problems.tsx';
import { type Schema, suggest, type Suggestion } from './suggest.ts';
import { Popup } from './popup.tsx';

interface CrawlEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** What the command line says of it, with lines: `crawl.yaml:4:3 params.b: …`. */
  readonly problems: readonly string[];
}

/** A field for a crawl file: what fits at the cursor, and problems at their lines. */
export function CrawlEditor({ text, onChange, problems }: CrawlEditorProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const [chosen, setChosen] = useState<number>();
  const [scroll, setScroll] = useState({ top: 0, left: 0 });
  const schema = useSchema();
  const found = isOpen && schema !== undefined ? suggest(schema, text, caret) : undefined;
  const items = found?.items ?? [];
  // Whoever has typed nothing yet may want a new line.
  const at = Math.min(chosen ?? (found?.isBegun === true ? 0 : -1), items.length - 1);
  const open = (opens: boolean): void => {
    setOpen(opens);
    setChosen(undefined);
    setCaret(field.current?.selectionStart ?? 0);
  };
  const goTo = (line: number, column: number): void => {
    const before = text.split('\n').slice(0, line - 1);
    const position = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
    field.current?.focus();
    field.current?.setSelectionRange(position, position);
    open(false);
  };
  const take = ({ insert }: Suggestion): void => {
    if (field.current !== null && found !== undefined) {
      field.current.setSelectionRange(found.start, caret);
      type(field.current, insert);
      open(/[ {[]$/.test(insert));
    }
  };
  const onKey = (event: KeyboardEvent): void => {
    const action = actionOf(event, { count: items.length, at });
    if (action === undefined) {
      return;
    }
    event.preventDefault();
    const item = items[at];
    if (action === 'take' && item !== undefined) {
      take(item);
    } else if (action === 'open' || action === 'close') {
      open(action === 'open');
    } else if (action === 'line' && field.current !== null) {
      type(field.current, `\n${indentAfter(text, field.current.selectionStart)}`);
      open(false);
    } else if (typeof action === 'number') {
      setChosen(action);
    }
  };
  return (
    <div class="editor">
      <label for="crawl-file">
        <span>
          Crawl file <span class="quiet">paste it, or drop the file here</span>
        </span>
      </label>
      <div class="field">
        <Gutter count={text.split('\n').length} top={scroll.top} lines={problemsAt(problems)} />
        <textarea
          ref={field}
          id="crawl-file"
          value={text}
          spellcheck={false}
          autocomplete="off"
          wrap="off"
          rows={20}
          aria-autocomplete="list"
          aria-controls={items.length > 0 ? 'suggestions' : undefined}
          aria-activedescendant={at >= 0 ? `suggestion-${at}` : undefined}
          onInput={(event) => {
            onChange(event.currentTarget.value);
            open(true);
          }}
          onKeyDown={onKey}
          onKeyUp={({ key }) => {
            if (/^(?:Arrow(?:Left|Right)|Home|End|Page)/.test(key)) {
              open(false);
            }
          }}
          onClick={() => open(false)}
          onBlur={() => setOpen(false)}
          onScroll={({ currentTarget: { scrollTop: top, scrollLeft: left } }) =>
            setScroll({ top, left })
          }
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            const file = event.dataTransfer?.files[0];
            if (file !== undefined) {
              event.preventDefault();
              void file.text().then(onChange);
            }
          }}
        />
        {items.length > 0 && (
          <Popup items={items} at={at} onTake={take} place={placeIn(text, caret)} scroll={scroll} />
        )}
      </div>
      <p class="quiet">
        <kbd>Ctrl</kbd> <kbd>Space</kbd> or{' '}
        <button
          type="button"
          onClick={() => {
            field.current?.focus();
            open(true);
          }}
        >
          What can stand here?
        </button>{' '}
        <kbd>Enter</kbd> or <kbd>Tab</kbd> takes it, <kbd>Esc</kbd> closes.
      </p>
      {problems.length > 0 && <Problems problems={problems} onChoose={goTo} />}
    </div>
  );
}

type Action = 'open' | 'close' | 'take' | 'line' | number;

/** What a key does; undefined for what the field does by itself. */
function actionOf(
  { key, ctrlKey, shiftKey, altKey, metaKey }: KeyboardEvent,
  { count, at }: { readonly count: number; readonly at: number },
): Action | undefined {
  if (key === ' ' && ctrlKey) {
    return 'open';
  }
  if (ctrlKey || shiftKey || altKey || metaKey) {
    return undefined;
  }
  const isTaking = (key === 'Enter' || key === 'Tab') && at >= 0;
  if (key === 'Enter' && !isTaking) {
    return 'line';
  }
  if (count === 0) {
    return undefined;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (step !== undefined) {
    return at === -1 && step === -1 ? count - 1 : (at + step + count) % count;
  }
  return key === 'Escape' ? 'close' : isTaking ? 'take' : undefined;
}

/** As a person would: it can be undone, and it is an input. */
function type(field: HTMLTextAreaElement, text: string): void {
  // Nothing that replaces it can be undone. oxlint-disable-next-line typescript/no-deprecated
  document.execCommand('insertText', false, text);
  field.focus();
}

/** A new line begins below the one that it ends, or deeper where that opens a mapping. */
function indentAfter(text: string, caret: number): string {
  const line = text.slice(text.lastIndexOf('\n', caret - 1) + 1, caret);
  const spaces = /^ */.exec(line)?.[0] ?? '';
  return /:\s*$/.test(line) ? `${spaces}  ` : spaces;
}

function placeIn(text: string, caret: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, caret).split('\n');
  return { line: before.length, column: before.at(-1)?.length ?? 0 };
}

interface GutterProps {
  readonly count: number;
  /** How far the text is scrolled. */
  readonly top: number;
  /** Lines with problems. */
  readonly lines: ReadonlySet<number>;
}

function Gutter({ count, top, lines }: GutterProps) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    element.current?.scrollTo(0, top);
  }, [top, count]);
  return (
    <div ref={element} class="gutter" aria-hidden="true">
      {Array.from({ length: count }, (_, index) => (
        <div key={index} class={lines.has(index + 1) ? 'bad' : undefined}>
          {lines.has(index + 1) ? '✕' : index + 1}
        </div>
      ))}
    </div>
  );
}

/** The schema is large, and needed here alone. */
function useSchema(): Schema | undefined {
  const [schema, setSchema] = useState<Schema>();
  useEffect(() => {
    const load = async (): Promise<void> => {
      const { default: loaded } = await import('@fetchfleet/crawl/schema');
      setSchema(loaded);
    };
    void load();
  }, []);
  return schema;
}
