import { formatCount } from '@fetchfleet/crawl/units';
import { useMemo, useState } from 'preact/hooks';
import { SentNumber } from './parse-json.ts';

/** Children shown at once; the rest comes in steps of as many. */
const STEP = 100;
/** Values this deep and deeper are closed at first. */
const OPEN_DEPTH = 2;
/** Characters of a text shown at first, and with each step. */
const LONG_TEXT = 400;
const LONG_STEP = 10_000;

interface NodeProps {
  readonly name?: string | number;
  readonly value: unknown;
  readonly depth: number;
}

/** A value as a tree that opens step by step: nothing is drawn that nobody has opened. */
export function JsonTree({ value }: { readonly value: unknown }) {
  return (
    <div class="json">
      <Node value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: NodeProps) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(STEP);
  const label = name === undefined ? null : <span class="name">{name}: </span>;
  const keys = useMemo(() => keysOf(value), [value]);
  if (typeof value !== 'object' || value === null || value instanceof SentNumber) {
    return (
      <div class="leaf">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const isList = Array.isArray(value);
  const count = keys?.length ?? (isList ? value.length : 0);
  const [start, end] = isList ? ['[', ']'] : ['{', '}'];
  if (count === 0) {
    return (
      <div class="leaf">
        {label}
        {start}
        {end}
      </div>
    );
  }
  const what = isList ? (count === 1 ? 'item' : 'items') : count === 1 ? 'key' : 'keys';
  const visible = Array.from({ length: Math.min(count, shown) }, (_, at) => at);
  return (
    <div class="node">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {label}
        {start} <span class="quiet">{`${formatCount(count)} ${what}`}</span>
        {isOpen ? '' : ` ${end}`}
      </button>
      {isOpen && (
        <div class="children">
          {visible.map((at) => {
            const key = keys?.[at] ?? at;
            const child: unknown = Reflect.get(value, key);
            return <Node key={key} name={key} value={child} depth={depth + 1} />;
          })}
          {shown < count && (
            <button type="button" class="more" onClick={() => setShown(shown + STEP)}>
              {Math.min(STEP, count - shown)} more of {formatCount(count)}
            </button>
          )}
          <div>{end}</div>
        </div>
      )}
    </div>
  );
}

/** Of an object. A large one has too many to list them whenever it is drawn. */
function keysOf(value: unknown): readonly string[] | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? Object.keys(value) : undefined;
}

function Leaf({ value }: { readonly value: unknown }) {
  const [shown, setShown] = useState(LONG_TEXT);
  if (value instanceof SentNumber) {
    return <span class="number">{value.text}</span>;
  }
  if (typeof value !== 'string') {
    return <span class={value === null ? 'null' : typeof value}>{String(value)}</span>;
  }
  const isLong = value.length > shown;
  return (
    <span class="string">
      {JSON.stringify(isLong ? `${value.slice(0, shown)}…` : value)}
      {isLong && (
        <button type="button" class="more" onClick={() => setShown(shown + LONG_STEP)}>
          {formatCount(LONG_STEP)} more of {formatCount(value.length)} characters
        </button>
      )}
    </span>
  );
}
