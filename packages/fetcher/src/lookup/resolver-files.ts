import { promises as dns } from 'node:dns';
import { readFile, stat } from 'node:fs/promises';
import { types } from 'node:util';
import { type Hosts, parseHosts } from './hosts-file.ts';
import type { NameSources } from './resolve-name.ts';
import { NO_SEARCH, parseResolvConf } from './resolv-conf.ts';

const HOSTS_FILE = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';
/** A change of the files is seen after this time. */
const RECHECK_MS = 1_000;
/** A question is sent again after this time, then after twice as long, up to the maximum. */
const QUERY_TIMEOUT_MS = 1_000;
const MAX_QUERY_TIMEOUT_MS = 4_000;
/** Tries at each name server. */
const TRIES = 4;

/** One file as it was when it was last read. */
interface ReadFile {
  readonly version: string;
  readonly text: string;
}

const ABSENT: ReadFile = { version: '', text: '' };

export interface ResolverFilesOptions {
  /** @default /etc/hosts */
  readonly hostsFile?: string;
  /** @default /etc/resolv.conf */
  readonly resolvConf?: string;
}

/** `/etc/hosts` and `/etc/resolv.conf`, read again when they change, as by the system. */
export class ResolverFiles {
  readonly #hostsFile: string;
  readonly #resolvConf: string;
  #hostsRead: ReadFile = ABSENT;
  #confRead: ReadFile = ABSENT;
  #hosts: Hosts = new Map();
  #rules = NO_SEARCH;
  #dns: dns.Resolver | undefined;
  #reading: Promise<void> | undefined;
  /** On the clock of `performance.now()`. */
  #recheckAt = 0;

  constructor(options: ResolverFilesOptions = {}) {
    this.#hostsFile = options.hostsFile ?? HOSTS_FILE;
    this.#resolvConf = options.resolvConf ?? RESOLV_CONF;
  }

  async read(): Promise<NameSources & { readonly dns: Pick<dns.Resolver, 'getServers'> }> {
    if (performance.now() >= this.#recheckAt) {
      this.#reading ??= this.#readBoth();
    }
    await this.#reading;
    this.#dns ??= createResolver();
    return { hosts: this.#hosts, rules: this.#rules, dns: this.#dns };
  }

  /** Cancels the questions to DNS. */
  stop(): void {
    this.#dns?.cancel();
  }

  async #readBoth(): Promise<void> {
    const [hosts, conf] = await Promise.all([
      readAgain(this.#hostsFile, this.#hostsRead),
      readAgain(this.#resolvConf, this.#confRead),
    ]);
    if (hosts !== this.#hostsRead) {
      this.#hostsRead = hosts;
      this.#hosts = parseHosts(hosts.text);
    }
    if (conf !== this.#confRead) {
      this.#confRead = conf;
      this.#rules = parseResolvConf(conf.text);
      // Questions to the old name servers go on. A new resolver reads the new ones.
      this.#dns = undefined;
    }
    this.#recheckAt = performance.now() + RECHECK_MS;
    this.#reading = undefined;
  }
}

function createResolver(): dns.Resolver {
  return new dns.Resolver({
    timeout: QUERY_TIMEOUT_MS,
    maxTimeout: MAX_QUERY_TIMEOUT_MS,
    tries: TRIES,
  });
}

/** @returns `known` itself if the file is the same, or cannot be read now */
async function readAgain(path: string, known: ReadFile): Promise<ReadFile> {
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    const version = `${ino}.${mtimeNs}.${size}`;
    return version === known.version ? known : { version, text: await readFile(path, 'utf8') };
  } catch (error) {
    const isAbsent = types.isNativeError(error) && Reflect.get(error, 'code') === 'ENOENT';
    return isAbsent ? ABSENT : known;
  }
}
