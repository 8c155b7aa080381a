import { constants } from 'node:os';
import { toError } from '@fetchfleet/crawl';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** If a raised signal has not ended the process after this long, the process exits. */
const RAISE_GRACE_MS = 200;

type StopSignal = (typeof SIGNALS)[number];

export interface SignalHandlers {
  /** The first signal: finish what runs, give the rest back. */
  drain(signal: StopSignal): Promise<void>;
  /**
   * The second signal: the process ends right after this call, which must be synchronous and quick.
   */
  force(signal: StopSignal): void;
  /** `drain` or `force` threw; the process ends all the same. @default a process warning */
  failed?(error: Error): void;
}

/** The part of `process` that signals need. */
export interface SignalProcess {
  readonly pid: number;
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  kill(pid: number, signal: StopSignal): unknown;
  exit(code: number): void;
}

/**
 * Handles SIGTERM and SIGINT in two stages, until `stop()` is called.
 *
 *     listening ──signal──▶ draining ──drained──────▶ the process ends by the first signal
 *                              └──second signal──▶ force() ──▶ the process ends by the second
 *
 * The process ends by the signal, not by `exit(0)`, so that a shell or a supervisor sees why it
 * ended. The kernel ignores a signal without a handler for process 1 of a container; there, and
 * wherever the signal does not end the process, it exits with 128 + n.
 */
export function onSignals(
  handlers: SignalHandlers,
  target: SignalProcess = process,
): { stop(): void } {
  let isDraining = false;

  const stop = (): void => {
    for (const signal of SIGNALS) {
      target.off(signal, receive);
    }
  };
  const failed = (thrown: unknown): void => {
    const error = toError(thrown);
    if (handlers.failed === undefined) {
      process.emitWarning(error);
    } else {
      handlers.failed(error);
    }
  };
  const end = (signal: StopSignal): void => {
    stop();
    raise(target, signal);
  };
  const drain = async (signal: StopSignal): Promise<void> => {
    try {
      await handlers.drain(signal);
    } catch (error) {
      failed(error);
    }
    end(signal);
  };
  const receive = (signal: StopSignal): void => {
    if (!isDraining) {
      isDraining = true;
      void drain(signal);
      return;
    }
    try {
      handlers.force(signal);
    } catch (error) {
      failed(error);
    }
    end(signal);
  };

  for (const signal of SIGNALS) {
    target.on(signal, receive);
  }
  return { stop };
}

function raise(target: SignalProcess, signal: StopSignal): void {
  target.kill(target.pid, signal);
  setTimeout(() => target.exit(128 + constants.signals[signal]), RAISE_GRACE_MS);
}
