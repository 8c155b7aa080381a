import { formatDuration } from '@fetchfleet/crawl/units';
import { signal } from '@preact/signals';

/** Moves on once a second, so that relative times do. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1_000);

/** `3 min ago`, `in 5 h`; the absolute time in the title. */
export function Ago({ at }: { readonly at: string }) {
  const ms = now.value - Date.parse(at);
  const text = Math.abs(ms) < 1_500 ? 'now' : ms > 0 ? `${coarse(ms)} ago` : `in ${coarse(-ms)}`;
  return (
    <time dateTime={at} title={absolute(at)}>
      {text}
    </time>
  );
}

/** `06:04:12`; the date in the title. */
export function Clock({ at }: { readonly at: string }) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date(now.value).toDateString();
  return (
    <time dateTime={at} title={absolute(at)}>
      {isToday ? date.toLocaleTimeString('en-GB') : date.toLocaleString('en-GB')}
    </time>
  );
}

/** Made when the first one is shown: that takes longer than all that use it. */
let format: Intl.DateTimeFormat | undefined;

export function absolute(at: string): string {
  format ??= new Intl.DateTimeFormat('en-GB', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  });
  return `${format.format(new Date(at))} (${at})`;
}

/** The largest unit only: the second one would change with every second. */
function coarse(ms: number): string {
  const text = formatDuration(ms < 60_000 ? Math.round(ms / 1_000) * 1_000 : ms);
  return text.replace(/^(\d+)\.0 s$/, '$1 s').replace(/^(\d+ (?:min|h|d)) \d+ \w+$/, '$1');
}

/** A countdown in whole seconds. */
export function whole(ms: number): string {
  return formatDuration(Math.ceil(ms / 1_000) * 1_000).replace('.0 ', ' ');
}
