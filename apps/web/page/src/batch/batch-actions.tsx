import { formatCount } from '@fetchfleet/crawl/units';
import { useState } from 'preact/hooks';
import type { FleetDocument, WatchedBatch } from '../../../src/api/documents.ts';
import { Dialog } from '../part/dialog.tsx';
import { Menu, type MenuItem } from '../part/menu.tsx';
import { run } from '../part/run.ts';
import { PruneDialog } from './prune-dialog.tsx';

interface BatchActionsProps {
  readonly batch: WatchedBatch;
  readonly fleet: FleetDocument;
}

/** What can be done with a batch in its state. Whatever cannot be undone is asked for first. */
export function BatchActions({ batch, fleet }: BatchActionsProps) {
  const canPrune = !fleet.readOnly && (batch.state === 'finished' || batch.state === 'cancelled');
  return (
    <span class="actions">
      {!fleet.readOnly && <Changes batch={batch} />}
      {fleet.hasResults && <Menu title="Export" items={exportsOf(batch.batch)} />}
      {canPrune && <Prune batch={batch} />}
    </span>
  );
}

function Prune({ batch }: Pick<BatchActionsProps, 'batch'>) {
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setAsked(true)}>
        Prune
      </button>
      {isAsked && <PruneDialog batch={batch} onClose={() => setAsked(false)} />}
    </>
  );
}

function Changes({ batch }: Pick<BatchActionsProps, 'batch'>) {
  const { batch: target, state } = batch;
  const [isAsked, setAsked] = useState(false);
  const isOver = state === 'finished' || state === 'cancelled';
  const items = retriesOf(batch);
  return (
    <>
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
        <button type="button" onClick={() => setAsked(true)}>
          Cancel
        </button>
      )}
      {canRetry(batch) && items.length > 0 && <Menu title="Retry failed" items={items} />}
      {isAsked && <CancelDialog target={target} onClose={() => setAsked(false)} />}
    </>
  );
}

/** One that is paused or cancelled has to be resumed first. */
export function canRetry({ state }: Pick<WatchedBatch, 'state'>): boolean {
  return state === 'running' || state === 'finished';
}

/** What robots.txt forbids is tried again only if it is asked for. */
function retriesOf({ batch: target, outcomes }: WatchedBatch): MenuItem[] {
  const failures = Object.entries(outcomes).filter(
    ([outcome, count]) => outcome !== 'ok' && count > 0,
  );
  const usual = failures.filter(([outcome]) => outcome !== 'robots-denied');
  const all = usual.reduce((sum, [, count]) => sum + count, 0);
  return [
    ...(usual.length > 1
      ? [
          {
            title: `all ${formatCount(all)}`,
            onChoose: () => void run({ command: 'retry', target }),
          },
        ]
      : []),
    ...failures.map(([outcome, count]) => ({
      title: `${outcome} ${formatCount(count)}`,
      onChoose: () => void run({ command: 'retry', target, options: { outcome: [outcome] } }),
    })),
  ];
}

function exportsOf(id: string): MenuItem[] {
  const path = `api/batches/${encodeURIComponent(id)}/export`;
  return ['NDJSON', 'CSV', 'Parquet'].map((title) => ({
    title,
    href: `${path}?format=${title.toLowerCase()}`,
  }));
}

interface CancelDialogProps {
  readonly target: string;
  readonly onClose: () => void;
}

function CancelDialog({ target, onClose }: CancelDialogProps) {
  return (
    <Dialog title={`Cancel ${target}?`} onClose={onClose}>
      <p>
        Running fetches end, and nothing more starts. Records stay, and Resume goes on with what is
        left.
      </p>
      <form method="dialog" onSubmit={() => void run({ command: 'cancel', target })}>
        <button type="button" onClick={onClose}>
          No
        </button>
        <button type="submit" class="danger">
          Cancel it
        </button>
      </form>
    </Dialog>
  );
}
