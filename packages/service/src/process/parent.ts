/** The part of `process` that this needs. */
export interface ChildProcess {
  /** Undefined without an IPC channel. */
  readonly connected?: boolean | undefined;
  once(event: 'disconnect', listener: () => void): unknown;
}

/**
 * Calls back when the process that has started this one, over an IPC channel, has ended. It may
 * have ended while this program was still being loaded: no event tells of that any more.
 */
export function onParentEnd(callback: () => void, target: ChildProcess = process): void {
  if (target.connected === false) {
    callback();
  } else {
    target.once('disconnect', callback);
  }
}
