import { signal } from '@preact/signals';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isBad: boolean;
}

const notices = signal<readonly Notice[]>([]);
let last = 0;
const SHOWN_MS = 8_000;

/** Says what has happened. A failure stays until it is closed. */
export function say(text: string, { isBad = false } = {}): void {
  last += 1;
  const id = last;
  notices.value = [...notices.value, { id, text, isBad }].slice(-4);
  if (!isBad) {
    setTimeout(() => close(id), SHOWN_MS);
  }
}

function close(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isBad }) => (
        <div key={id} class={isBad ? 'notice bad' : 'notice'}>
          <p>{text}</p>
          <button type="button" aria-label="Close" onClick={() => close(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
