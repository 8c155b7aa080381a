import { Resolver } from 'node:dns/promises';
import { toError } from '@fetchfleet/crawl';
import { ResolverFiles, type ResolverFilesOptions } from './resolver-files.ts';
import type { SearchRules } from './resolv-conf.ts';

/** A name that nobody can have (RFC 6761): a server that answers says so at once. */
const NOBODY = 'fetchfleet.invalid';
/** What is said where no answer came; any other code is an answer. */
const SILENCE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection',
  ETIMEOUT: 'does not answer',
};

/** A name server as it answered just now. */
interface ExaminedServer {
  readonly address: string;
  /** How long its answer took. */
  readonly answerMs: number;
  /** Undefined if it has answered. */
  readonly failure: string | undefined;
}

/** How a worker on this machine would look names up. */
export interface ExaminedNames extends SearchRules {
  /** In the order in which they are asked. */
  readonly servers: readonly ExaminedServer[];
}

export interface ExamineNamesOptions extends ResolverFilesOptions {
  /** Instead of those of the machine: `127.0.0.1:5353`. */
  readonly servers?: readonly string[];
  /** How long to wait for each. @default 2 s */
  readonly timeoutMs?: number;
}

/** Asks every name server of this machine for a name that does not exist, all at once. */
export async function examineNames(options: ExamineNamesOptions = {}): Promise<ExaminedNames> {
  const { timeoutMs = 2_000 } = options;
  const files = new ResolverFiles(options);
  const { rules, dns } = await files.read();
  const servers = options.servers ?? dns.getServers();
  return {
    ...rules,
    servers: await Promise.all(servers.map(async (address) => examineServer(address, timeoutMs))),
  };
}

async function examineServer(address: string, timeoutMs: number): Promise<ExaminedServer> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  resolver.setServers([address]);
  const askedAt = performance.now();
  const code = await resolver.resolve4(NOBODY).then(
    () => '',
    (thrown: unknown) => codeOf(toError(thrown)),
  );
  return { address, answerMs: performance.now() - askedAt, failure: SILENCE[code] };
}

function codeOf(error: Error & { readonly code?: string }): string {
  return error.code ?? '';
}
