import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { CommandRequest, WatchedBatch } from '../../../src/api/documents.ts';
import { Dialog } from '../part/dialog.tsx';
import { Menu, type MenuItem } from '../part/menu.tsx';
import { run } from '../part/run.ts';

interface Asked {
  readonly title: string;
  readonly text: string;
  readonly request: CommandRequest;
}

/** What can be done with a batch in its state. Whatever cannot be undone is asked for first. */
export function BatchActions({ batch }: { readonly batch: WatchedBatch }) {
  const { batch: target, state, failed, outcomes } = batch;
  const [asked, setAsked] = useState<Asked>();
  const isOver = state === 'finished' || state === 'cancelled';
  const retry = (outcome?: string): void =>
    void run({
      command: 'retry',
      target,
      ...(outcome !== undefined && { options: { outcome: [outcome] } }),
    });
  const failures = Object.entries(outcomes).filter(
    ([outcome, count]) => outcome !== 'ok' && count > 0,
  );
  const items: MenuItem[] = [
    { title: `all ${formatCount(failed)}`, onChoose: () => retry() },
    ...failures.map(([outcome, count]) => ({
      title: `${outcome} ${formatCount(count)}`,
      onChoose: () => retry(outcome),
    })),
  ];
  return (
    <span class="actions">
      {(state === 'running' || state === 'expanding') && (
        <button type="button" onClick={() => void run({ command: 'pause', target })}>
          Pause
        </button>
      )}
      {(state === 'paused' || state === 'cancelled') && (
        <button type="button" onClick={() => void run({ command: 'resume', target })}>
          Resume
        </button>
      )}
      {!isOver && (
        <button
          type="button"
          onClick={() =>
            setAsked({
              title: `Cancel ${target}?`,
              text:
                'Running fetches end, and nothing more starts. Records stay, and Resume goes on ' +
                'with what is left.',
              request: { command: 'cancel', target },
            })
          }
        >
          Cancel
        </button>
      )}
      {isOver && failed > 0 && <Menu title="Retry failed" items={items} />}
      {asked !== undefined && <Question asked={asked} onClose={() => setAsked(undefined)} />}
    </span>
  );
}

function Question({ asked, onClose }: { readonly asked: Asked; readonly onClose: () => void }) {
  const { title, text, request } = asked;
  const [verb = ''] = title.split(' ', 1);
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <form method="dialog" onSubmit={() => void run(request)}>
        <button type="button" onClick={onClose}>
          No
        </button>
        <button type="submit" class="danger">
          {verb}
        </button>
      </form>
    </Dialog>
  );
}
