import type { ScheduleSpec } from '../../src/index.ts';
import { crawl } from '../fixture.ts';

export const spec: ScheduleSpec = {
  crawl,
  source: '/crawls/test.yaml',
  cron: '0 6 * * *',
  tz: 'Europe/Oslo',
  overlap: 'skip',
  catchUpMs: 3_600_000,
};
