export const BATCH_VIEW = 'batch';
export const ORIGIN_VIEW = 'origin';

export type ViewName =
  | 'overview'
  | 'batches'
  | typeof BATCH_VIEW
  | 'origins'
  | typeof ORIGIN_VIEW
  | 'workers'
  | 'schedules';
