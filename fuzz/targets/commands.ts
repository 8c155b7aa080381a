import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Crawl, InputError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { connectRedis } from '@fetchfleet/fleet';
import { startRedis } from '@fetchfleet/testing';
import { runCommand } from '../cli.ts';
import { crawlFileExamples, wordsOf } from '../examples.ts';
import { textNear } from '../mutations.ts';
import { attempt, holds, type Target } from '../target.ts';
import { sizeOf } from './crawl-file.ts';

/** Larger crawls are valid and take their time. */
const MAX_FETCHES = 2_000;

export const commandsTarget: Target = {
  name: 'commands',
  title: 'crawl files given to start, status and batches: what people see of them',
  cpuMs: 5_000,
  open: async ({ folder }) => {
    const server = await startRedis();
    const redis = await connectRedis(server.url);
    const examples = crawlFileExamples();
    return {
      arbitrary: textNear(examples, wordsOf(examples)),
      check: async (text: string) => {
        await check(text, { cwd: folder, redisUrl: server.url });
        await redis.flushall();
      },
      close: async () => {
        redis.disconnect();
        await server.dispose();
      },
    };
  },
};

async function check(
  text: string,
  options: { readonly cwd: string; readonly redisUrl: string },
): Promise<void> {
  const file = join(options.cwd, 'fuzz.yaml');
  const parsed = attempt(() => parseCrawlFile(text, file), [InputError]);
  if ('value' in parsed && !isSmall(parsed.value)) {
    return;
  }
  await writeFile(file, text);
  const { code, stdout } = await runCommand(['start', 'fuzz.yaml'], options);
  holds('value' in parsed || code === 2, 'a file with problems is wrong input', code);
  if (code === 0) {
    const batch = stdout.trim();
    await runCommand(['status', batch], options);
    await runCommand(['batches'], options);
    await runCommand(['cancel', batch], options);
  }
}

/** Few fetches, and no list that would have to be read or fetched. */
function isSmall(crawl: Crawl): boolean {
  return sizeOf(crawl) <= MAX_FETCHES;
}
