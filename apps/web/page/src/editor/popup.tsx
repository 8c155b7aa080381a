import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Suggestion } from './suggest.ts';

interface PopupProps {
  readonly items: readonly Suggestion[];
  /** The one that is chosen; -1 for none. */
  readonly at: number;
  readonly onTake: (item: Suggestion) => void;
  /** Where the cursor stands; lines count from 1. */
  readonly place: { readonly line: number; readonly column: number };
  /** How far the text is scrolled, in pixels. */
  readonly scroll: { readonly top: number; readonly left: number };
}

/** Suggestions below the cursor. The field keeps the focus. */
export function Popup({ items, at, onTake, place, scroll }: PopupProps) {
  const element = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => {
    // By script, which the policy for styles allows.
    const style = element.current?.style;
    style?.setProperty('--line', String(place.line));
    style?.setProperty('--column', String(place.column));
    style?.setProperty('--top', `${scroll.top}px`);
    style?.setProperty('--left', `${scroll.left}px`);
  });
  useLayoutEffect(() => {
    element.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  return (
    <ul
      ref={element}
      id="suggestions"
      class="suggestions"
      role="listbox"
      aria-label="What can stand here"
    >
      {items.map((item, index) => (
        <li
          key={item.label}
          id={`suggestion-${index}`}
          role="option"
          aria-selected={index === at}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onTake(item)}
        >
          <span class="id">{item.label}</span> <span class="quiet">{item.description}</span>
        </li>
      ))}
    </ul>
  );
}
