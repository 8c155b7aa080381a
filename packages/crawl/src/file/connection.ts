import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { certificatesOf, MAX_CA_BYTES, problemOfCertificates } from '../access/certificates.ts';
import {
  isProxyProblem,
  MAX_PROXIES,
  parseProxy,
  problemOfCredentials,
} from '../access/proxy-address.ts';
import { reasonOfFileError } from '../model/input-error.ts';
import type { Network } from '../model/plan.ts';
import type { Field } from '../yaml/field.ts';
import { readBoolean, readText } from '../yaml/read-field.ts';

/** Reads one proxy, a list of them, or `env`. Messages quote none: it may hold a password. */
export function readProxy(field: Field | undefined): Network['proxy'] {
  if (field === undefined) {
    return undefined;
  }
  if (field.text === 'env') {
    return 'env';
  }
  const items = field.isList ? field.items() : [field];
  if (items.length === 0 || items.length > MAX_PROXIES) {
    field.report(`a list of 1 to ${MAX_PROXIES} proxies is needed`);
  }
  items.forEach(checkProxy);
  return items.map(({ text }) => text ?? '');
}

function checkProxy(item: Field): void {
  const read = item.text === undefined ? undefined : parseProxy(item.text);
  if (read === undefined) {
    item.report(`${item.shown} is not a proxy; write it like http://proxy.example:3128, or env`);
    return;
  }
  const problem = isProxyProblem(read) ? read.problem : problemOfCredentials(read);
  if (problem !== undefined) {
    item.report(problem);
  }
}

/** @param fileName the base of a relative `ca` */
export function readTls(field: Field | undefined, fileName: string): Network['tls'] {
  const at = field?.section(['ca', 'insecure']);
  const ca = readCa(at?.('ca'), fileName);
  const insecure = readBoolean(at?.('insecure')) ?? false;
  return ca === undefined && !insecure
    ? undefined
    : { ...(ca !== undefined && { ca }), ...(insecure && { insecure }) };
}

/** The certificates themselves: they are public, and workers read no files for a crawl. */
function readCa(field: Field | undefined, fileName: string): string | undefined {
  const name = readText(field);
  if (field === undefined || name === undefined) {
    return undefined;
  }
  const path = resolve(dirname(fileName), name);
  const read = readSmallFile(path);
  const problem = 'problem' in read ? read.problem : problemOfCertificates(read.text);
  if (problem !== undefined) {
    field.report(`${path}: ${problem}`);
    return undefined;
  }
  return 'text' in read ? certificatesOf(read.text) : undefined;
}

function readSmallFile(path: string): { readonly text: string } | { readonly problem: string } {
  let handle: number;
  try {
    // A pipe would be waited for.
    handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    return { problem: reasonOfFileError(error) };
  }
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) {
      return { problem: 'it is no regular file' };
    }
    if (stats.size > MAX_CA_BYTES) {
      return { problem: 'it is larger than 256 KiB' };
    }
    const bytes = Buffer.alloc(stats.size);
    const length = readSync(handle, bytes, 0, stats.size, 0);
    return { text: bytes.toString('latin1', 0, length) };
  } catch (error) {
    return { problem: reasonOfFileError(error) };
  } finally {
    closeSync(handle);
  }
}
