import type { BatchState } from '../../../src/api/documents.ts';

/** Never by colour alone: each has a sign and its word. */
const SIGNS: Readonly<Record<string, string>> = {
  ok: '✓',
  timeout: '◷',
  'robots-denied': '⊘',
  'address-refused': '⊘',
};

export function Outcome({ outcome }: { readonly outcome: string }) {
  const kind = outcome === 'ok' ? 'good' : outcome === 'robots-denied' ? 'quiet' : 'bad';
  return (
    <span class={`word ${kind}`}>
      <span aria-hidden="true">{SIGNS[outcome] ?? '✕'}</span> {outcome}
    </span>
  );
}

type ShownState = BatchState | 'interrupted';

const STATES: Readonly<Record<ShownState, readonly [sign: string, kind: string]>> = {
  expanding: ['…', 'busy'],
  running: ['▶', 'busy'],
  paused: ['❚❚', 'held'],
  cancelled: ['■', 'quiet'],
  finished: ['✓', 'good'],
  interrupted: ['▲', 'held'],
};

export function State({ state }: { readonly state: ShownState }) {
  const [sign, kind] = STATES[state];
  return (
    <span class={`word ${kind}`}>
      <span aria-hidden="true">{sign}</span> {state}
    </span>
  );
}
