import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf } from '@fetchfleet/crawl';
import { type Context, otherProgram, programName } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { unwritable } from '../core/output-file.ts';
import { shellWord } from '../core/shell-word.ts';
import { schemaText } from '../crawl/schema-text.ts';

interface InitOptions {
  readonly json?: boolean;
}

const DEFAULT_FILE = 'crawl.yaml';
const SCHEMA_FILE = 'crawl.schema.json';

/** It runs as it is, against the sample API. */
const EXAMPLE = `# yaml-language-server: $schema=${SCHEMA_FILE}
# A crawl file: what to fetch, and how politely. Editors complete and check it by the schema beside
# it, which \`fetchfleet schema\` prints.
name: my-crawl
url: http://127.0.0.1:8787/country/{country}/status/{status} # an RFC 6570 template

# Every combination of these values is one fetch; the first list is the outermost loop.
params:
  country: { countries: slug } # also name, alpha2 and alpha3
  status: [confirmed]                   # a list of values
  # id: { file: ids.csv, column: id }     a column of a CSV file; also .ndjson and .txt
  # year: { from: 2015, to: 2024 }        whole numbers

# Where the people behind an origin can reach you.
contact: crawler@example.com

# headers:
#   authorization: 'Bearer \${env:API_TOKEN}'   a variable of the workers, never stored

# For each origin, over the whole fleet.
politeness:
  concurrency: 16 # fetches in flight
  # rate: 20/s    # starts; N/s, N/m or N/h
  robots: obey

retry: { attempts: 5, backoff: 1s }
limits: { timeout: 30s, body: 10MiB, redirects: 5 }

# Loopback and private addresses are closed by default. The sample API is on loopback: remove this
# for origins on the internet.
network: { allowPrivate: true }
`;

/**
 * `fetchfleet init [FILE]`: a crawl file to begin with, and the schema for editors beside it. Asks
 * nothing, overwrites no crawl file.
 */
export async function init(
  file: string | undefined,
  { json }: InitOptions,
  context: Context,
): Promise<ExitCode> {
  const { cwd, terminal } = context;
  const name = file ?? DEFAULT_FILE;
  const path = resolve(cwd, name);
  // First, so that a failure leaves no crawl file whose schema is missing.
  const schema = await writeSchema(dirname(path));
  await create(path);
  if (json === true) {
    terminal.printJson({ file: path, schema });
    return EXIT.ok;
  }
  const program = programName(context);
  terminal.note(
    `Wrote ${name}, and ${SCHEMA_FILE} for editors. It fetches from the sample API, which runs in another terminal with`,
  );
  terminal.note('', `  ${otherProgram('sample-api', context)}`, '', 'Then', '');
  terminal.note(`  ${program} validate ${shellWord(name)}`, `  ${program} run ${shellWord(name)}`);
  return EXIT.ok;
}

async function create(path: string): Promise<void> {
  try {
    // Like all that commands create, it is for this user alone.
    await writeFile(path, EXAMPLE, { flag: 'wx' });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw new CommandError(`${path} exists already, and was not changed: name another file`, {
        code: 'OUTPUT_EXISTS',
        cause: error,
      });
    }
    throw unwritable(path, error);
  }
}

/** The schema is of this version of the program: an older one beside the file is replaced. */
async function writeSchema(folder: string): Promise<string> {
  const path = join(folder, SCHEMA_FILE);
  try {
    await writeFile(path, await schemaText());
  } catch (error) {
    throw unwritable(path, error);
  }
  return path;
}
