import { useEffect, useState } from 'preact/hooks';
import { toError } from '../api/client.ts';
import type { NewBatchForm } from '../editor/new-batch-form.tsx';
import { say } from '../part/notice.tsx';

/** The editor is loaded when somebody needs it: most who look never do. */
export function NewBatch({ canChange }: { readonly canChange: boolean }) {
  const [Form, setForm] = useState<typeof NewBatchForm>();
  useEffect(() => {
    const load = async (): Promise<void> => {
      const { NewBatchForm: loaded } = await import('../editor/new-batch-form.tsx');
      setForm(() => loaded);
    };
    load().catch((error: unknown) => say(toError(error).message, { isBad: true }));
  }, []);
  if (!canChange) {
    return <p class="empty">This page is read-only: batches are started elsewhere.</p>;
  }
  return Form === undefined ? <p class="quiet">Loading …</p> : <Form />;
}
