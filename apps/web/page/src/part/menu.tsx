import { useEffect, useRef, useState } from 'preact/hooks';

export type MenuItem = { readonly title: string } & (
  | { readonly onChoose: () => void }
  /** A file to download. */
  | { readonly href: string }
);

interface MenuProps {
  readonly title: string;
  readonly items: readonly MenuItem[];
  readonly isOff?: boolean;
}

/** A button with more than one thing to do. */
export function Menu({ title, items, isOff = false }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) {
      return undefined;
    }
    const onPress = (event: Event): void => {
      if (event.target instanceof Node && element.current?.contains(event.target) === false) {
        setOpen(false);
      }
    };
    addEventListener('pointerdown', onPress);
    element.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    return () => removeEventListener('pointerdown', onPress);
  }, [isOpen]);
  const onKey = (event: KeyboardEvent): void => {
    const all = [...(element.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const at = all.findIndex((item) => item === document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') {
      setOpen(false);
      element.current?.querySelector('button')?.focus();
    } else if (isOpen && step !== undefined) {
      event.preventDefault();
      all.at((at + step + all.length) % all.length)?.focus();
    }
  };
  return (
    <div class="menu" ref={element} onKeyDown={onKey}>
      <button
        type="button"
        disabled={isOff}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {title} <span aria-hidden="true">▾</span>
      </button>
      {isOpen && (
        <div role="menu" aria-label={title}>
          {items.map((item) =>
            'href' in item ? (
              <a
                key={item.title}
                role="menuitem"
                href={item.href}
                download
                onClick={() => setOpen(false)}
              >
                {item.title}
              </a>
            ) : (
              <button
                key={item.title}
                type="button"
                role="menuitem"
                onClick={() => {
                  setOpen(false);
                  item.onChoose();
                }}
              >
                {item.title}
              </button>
            ),
          )}
        </div>
      )}
    </div>
  );
}
