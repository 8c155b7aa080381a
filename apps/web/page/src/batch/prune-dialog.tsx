import { formatBytes, formatCount } from '@fetchfleet/crawl/units';
import { useEffect, useState } from 'preact/hooks';
import type { CommandAnswer, WatchedBatch } from '../../../src/api/documents.ts';
import { command, toError } from '../api/client.ts';
import { Dialog } from '../part/dialog.tsx';
import { run } from '../part/run.ts';
import { go } from '../route/route.ts';

/** As `prune --json` prints it. */
interface PruneDocument {
  readonly batches: readonly {
    readonly fetches: number;
    readonly bytes: number;
    readonly resultsFolders: readonly string[];
  }[];
}

interface PruneDialogProps {
  readonly batch: WatchedBatch;
  readonly onClose: () => void;
}

/** Says what would be removed, and asks. */
export function PruneDialog({ batch: { batch: target }, onClose }: PruneDialogProps) {
  const answer = useDryRun(target);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the command prints it
  const [found] = (answer?.document as PruneDocument | null | undefined)?.batches ?? [];
  const remove = async (): Promise<void> => {
    const done = await run({ command: 'prune', target, options: { yes: true } });
    if (done?.ok === true) {
      go('#/batches', { replaces: true });
    }
  };
  return (
    <Dialog title={`Prune ${target}?`} onClose={onClose}>
      {answer === undefined && <p class="quiet">Looking what there is to remove …</p>}
      {found !== undefined && (
        <p>
          Removes {formatCount(found.fetches)} {found.fetches === 1 ? 'fetch' : 'fetches'} of the
          ledger and{' '}
          {found.resultsFolders.length === 0
            ? 'no records: there are none here'
            : `${formatBytes(found.bytes)} of records in ${found.resultsFolders.join(' and ')}`}
          . Nothing brings them back.
        </p>
      )}
      {answer !== undefined && found === undefined && (
        <p class="problem" role="alert">
          {answer.messages.join('\n')}
        </p>
      )}
      <form method="dialog" onSubmit={() => void remove()}>
        <button type="button" onClick={onClose}>
          No
        </button>
        <button type="submit" class="danger" disabled={found === undefined}>
          Prune
        </button>
      </form>
    </Dialog>
  );
}

/** What the command would remove; undefined until it has answered. */
function useDryRun(target: string): CommandAnswer | undefined {
  const [answer, setAnswer] = useState<CommandAnswer>();
  useEffect(() => {
    command({ command: 'prune', target, options: { dryRun: true } }).then(
      setAnswer,
      (error: unknown) => {
        setAnswer({ ok: false, document: null, messages: [toError(error).message] });
      },
    );
  }, [target]);
  return answer;
}
