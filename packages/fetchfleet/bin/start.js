import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs a program, by its name in `dist`. Plain JavaScript that every Node reads, so that one that
 * is too old is told in a sentence.
 */
export async function start(program, command) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 22)) {
    process.stderr.write(
      `error: ${command} needs Node 22.22 or later, but this is ${process.version}\n`,
    );
    process.exit(2);
  }
  // A fifth less to do at every start. Where the folder cannot be written, nothing is kept.
  module.enableCompileCache(join(cacheFolder(), 'fetchfleet'));
  await import(`../dist/${program}.js`);
}

/** Of the user: packages may be installed by another one, or read-only. */
function cacheFolder() {
  // oxlint-disable-next-line node/no-process-env -- nothing is loaded yet
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === 'win32' && LOCALAPPDATA) {
    return LOCALAPPDATA;
  }
  if (process.platform === 'darwin') {
    return join(homedir(), 'Library', 'Caches');
  }
  return XDG_CACHE_HOME || join(homedir(), '.cache');
}
