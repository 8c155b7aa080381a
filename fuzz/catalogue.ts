import type { Target } from './target.ts';
import { answersTarget } from './targets/answers.ts';
import { commandsTarget } from './targets/commands.ts';
import { crawlFileTarget } from './targets/crawl-file.ts';
import { cronTarget } from './targets/cron.ts';
import { headersTarget } from './targets/headers.ts';
import { listsTarget } from './targets/lists.ts';
import { pagesTarget } from './targets/pages.ts';
import { plansTarget } from './targets/plans.ts';
import { quantitiesTarget } from './targets/quantities.ts';
import { queueTarget } from './targets/queue.ts';
import { resultsTarget } from './targets/results.ts';
import { robotsTarget } from './targets/robots.ts';
import { slicesTarget } from './targets/slices.ts';
import { templatesTarget } from './targets/templates.ts';
import { wireTargets } from './targets/wire.ts';

/** In the order in which they take turns. */
export const TARGETS: readonly Target[] = [
  crawlFileTarget,
  listsTarget,
  slicesTarget,
  plansTarget,
  robotsTarget,
  headersTarget,
  answersTarget,
  pagesTarget,
  cronTarget,
  quantitiesTarget,
  templatesTarget,
  ...wireTargets,
  queueTarget,
  resultsTarget,
  commandsTarget,
];
