import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { route, setQuery } from '../route/route.ts';

/** What a view shows of all there is. It stands in the address. */
export function Filters({ children }: { readonly children: ComponentChildren }) {
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      {children}
    </form>
  );
}

interface FilterProps {
  /** In the address. */
  readonly name: string;
  readonly label: string;
  /** A field for text if there are none. */
  readonly choices?: readonly string[];
  /** What is typed there is short. @default false */
  readonly isShort?: boolean;
  /** What to forget when it changes, such as the page. */
  readonly resets?: readonly string[];
}

const TYPED_MS = 300;

export function Filter({ name, label, choices, isShort = false, resets = [] }: FilterProps) {
  const current = route.value.query[name] ?? '';
  const [text, setText] = useState(current);
  const change = (value: string): void => {
    const cleared = Object.fromEntries(resets.map((other) => [other, undefined]));
    setQuery({ ...cleared, [name]: value });
  };
  useEffect(() => setText(current), [current]);
  useEffect(() => {
    if (text === current) {
      return undefined;
    }
    const timer = setTimeout(() => change(text), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label>
      {label}
      {choices === undefined ? (
        <input
          class={isShort ? 'short' : ''}
          type="search"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      ) : (
        <select value={current} onChange={(event) => change(event.currentTarget.value)}>
          <option value="">all</option>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )}
    </label>
  );
}
