import type {
  BatchesDocument,
  OriginsDocument,
  SchedulesDocument,
} from '../../src/api/documents.ts';
import { query, read } from './api/client.ts';
import { route, to } from './route/route.ts';

const LISTS: readonly string[] = ['origins', 'schedules', 'workers'];

/**
 * Where a search leads: to the records of the batch that is shown, to the list that is shown, to
 * the origin of a URL, or to what is called like that.
 */
export async function addressFor(text: string): Promise<string> {
  const [view = '', batch] = route.value.path;
  if (view === 'batches' && batch !== undefined) {
    return to(['batches', batch, 'records'], { text });
  }
  const url = URL.parse(text);
  if (url !== null && url.origin !== 'null') {
    return to(['origins'], { text: url.origin });
  }
  return text === '' || LISTS.includes(view) ? to([view], { text }) : addressOfNamed(text);
}

/** A schedule of that name, batches, schedules or origins whose names have it; else no batch. */
async function addressOfNamed(text: string): Promise<string> {
  const [{ schedules }, batches, origins] = await Promise.all([
    read<SchedulesDocument>('schedules'),
    read<BatchesDocument>(`batches${query({ name: text, limit: 1 })}`),
    read<OriginsDocument>(`origins${query({ text, limit: 1 })}`),
  ]);
  if (schedules.some(({ id }) => id === text)) {
    return to(['schedules'], { open: text });
  }
  if (batches.total === 0 && schedules.some(({ id }) => id.includes(text))) {
    return to(['schedules'], { text });
  }
  const isOrigin = batches.total === 0 && origins.total > 0;
  return to([isOrigin ? 'origins' : 'batches'], { text });
}
