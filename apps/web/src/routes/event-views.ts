import { BATCH_VIEW, ORIGIN_VIEW, type ViewName } from './view-name.ts';
import type { FleetLooks } from '../looks/fleet-looks.ts';
import type { Look } from '../looks/look.ts';
import { HttpError } from '../http/http-error.ts';
import { batchIn, beforeIn, limitIn, originIn, statesIn, textIn } from './query.ts';

/** What `events` shows. */
export interface EventView {
  /** Name of its event. */
  readonly event: ViewName;
  readonly look: Look<unknown>;
}

/** @throws HttpError */
export function eventView(query: URLSearchParams, looks: FleetLooks): EventView {
  const view = query.get('view') ?? '';
  if (view.startsWith(`${BATCH_VIEW}:`)) {
    return { event: BATCH_VIEW, look: looks.batch(batchIn(view.slice(BATCH_VIEW.length + 1))) };
  }
  if (view.startsWith(`${ORIGIN_VIEW}:`)) {
    const look = looks.origin(originIn(view.slice(ORIGIN_VIEW.length + 1)));
    return { event: ORIGIN_VIEW, look };
  }
  switch (view) {
    case 'overview':
      return { event: view, look: looks.overview };
    case 'workers':
      return { event: view, look: looks.workers };
    case 'schedules':
      return { event: view, look: looks.schedules };
    case 'batches':
      return { event: view, look: batchesLook(query, looks) };
    case 'origins':
      return { event: view, look: originsLook(query, looks) };
    default:
      throw new HttpError(400, 'QUERY_UNFIT', {
        message:
          'view must be overview, batches, batch:ID, origins, origin:ORIGIN, workers or schedules',
      });
  }
}

export function batchesLook(query: URLSearchParams, looks: FleetLooks) {
  return looks.batches({
    states: statesIn(query),
    name: textIn(query, 'name'),
    limit: limitIn(query, { usual: 50, most: 200 }),
    before: beforeIn(query),
  });
}

export function originsLook(query: URLSearchParams, looks: FleetLooks) {
  return looks.origins({
    text: textIn(query, 'text'),
    limit: limitIn(query, { usual: 100, most: 500 }),
  });
}
