export const BATCH_VIEW = 'batch';

export type ViewName =
  | 'overview'
  | 'batches'
  | typeof BATCH_VIEW
  | 'origins'
  | 'workers'
  | 'schedules';
