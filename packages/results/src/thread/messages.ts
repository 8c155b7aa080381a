import type { Compression } from '../folder/layout.ts';
import type { Manifest } from '../folder/manifest.ts';
import type { PackedDrafts } from './packed-drafts.ts';
import type { ThreadError } from './thread-error.ts';

/** What the thread of a sink is told when it starts. */
export interface ThreadSettings {
  readonly dir: string;
  readonly worker: string;
  readonly compression: Compression;
  /** Of the results folder: the thread writes to no other one. */
  readonly rootId: string | undefined;
  /** @default as the sink says */
  readonly maxOpenParts?: number;
}

/** To the thread. */
export type ThreadRequest =
  | {
      readonly kind: 'append';
      readonly id: number;
      readonly batch: string;
      readonly packed: PackedDrafts;
    }
  | { readonly kind: 'manifest'; readonly id: number; readonly manifest: Manifest }
  | { readonly kind: 'no-manifest'; readonly id: number; readonly error: ThreadError }
  /** Ends the thread when everything before is written. */
  | { readonly kind: 'stop' };

/** From the thread. */
export type ThreadReply =
  | { readonly kind: 'started' }
  | { readonly kind: 'not-started'; readonly error: ThreadError }
  /** With the memory of the records, for others. */
  | { readonly kind: 'appended'; readonly id: number; readonly memory: ArrayBuffer }
  | { readonly kind: 'not-appended'; readonly id: number; readonly error: ThreadError }
  | { readonly kind: 'flushed'; readonly bytes: number; readonly durationMs: number }
  /** To be answered with `manifest` or `no-manifest`. */
  | { readonly kind: 'ask-manifest'; readonly id: number; readonly batch: string };
