import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { CpuProfile } from './self-times.ts';

type Frame = CpuProfile['nodes'][number]['callFrame'];

/** Maps a profile of bundled programs to their source files. */
export function inSources(profile: CpuProfile): CpuProfile {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (url: string): SourceMap | undefined => {
    if (!maps.has(url)) {
      maps.set(url, readMap(url));
    }
    return maps.get(url);
  };
  const nodes = profile.nodes.map((node) => ({
    ...node,
    callFrame: inSource(node.callFrame, mapOf(node.callFrame.url)),
  }));
  return { ...profile, nodes };
}

function readMap(url: string): SourceMap | undefined {
  if (!url.startsWith('file:')) {
    return undefined;
  }
  const path = `${fileURLToPath(url)}.map`;
  return existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
}

function inSource(frame: Frame, map: SourceMap | undefined): Frame {
  const entry = map?.findEntry(frame.lineNumber, frame.columnNumber);
  if (entry === undefined || !('originalSource' in entry)) {
    return frame;
  }
  return {
    ...frame,
    url: new URL(entry.originalSource, frame.url).href,
    lineNumber: entry.originalLine,
  };
}
