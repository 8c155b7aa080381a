// `npm run dashboards`: generates deploy/grafana/dashboards/*.json, because a panel is two lines of
// content and fifty lines of JSON. A test compares the files with its output. The argument is
// another folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { batches } from './batches.mjs';
import { fleet } from './fleet.mjs';
import { origins } from './origins.mjs';

const folder =
  process.argv[2] ?? fileURLToPath(new URL('../../deploy/grafana/dashboards/', import.meta.url));
for (const [name, content] of Object.entries({ fleet, origins, batches })) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
}
