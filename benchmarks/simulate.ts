/**
 * Simulates a day of a fleet that fetches a billion URLs from a million origins, with the measured
 * costs of scale/slopes.json. `--all` simulates all days of docs/scale.md and writes its tables.
 */
import { parseArgs } from 'node:util';
import { costsOf } from './scale/costs.ts';
import { dayRows } from './scale/scale-tables.ts';
import { BASE, type Day, simulateDay, VARIANTS, writeDays } from './scale/simulated.ts';
import { updatePage } from './scale/scale-page.ts';
import { readSlopes } from './scale/slopes.ts';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
const slopes = await readSlopes();
const days: Day[] = [];
for (const variant of values.all ? VARIANTS : [BASE]) {
  const before = process.cpuUsage();
  days.push(simulateDay(variant, slopes));
  const seconds = process.cpuUsage(before).user / 1e6;
  console.error(`${variant.name}: ${seconds.toFixed(1)} s of CPU time`);
}
const result = { costs: costsOf(slopes), days };
for (const [name = '', ...cells] of dayRows(result)) {
  console.log([name.padEnd(34), ...cells.map((cell) => cell.padStart(28))].join(''));
}
if (values.all) {
  // The page needs the other figures as well; these are kept whatever is missing there.
  await writeDays(result);
  await updatePage();
}
