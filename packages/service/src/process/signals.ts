import { constants } from 'node:os';
import { toError } from '@fetchfleet/crawl';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** How long a raised signal may take to end the process before it is ended by exit. */
const RAISE_GRACE_MS = 200;

type StopSignal = (typeof SIGNALS)[number];

export interface SignalHandlers {
  /** The first signal: finish what runs, hand back the rest. */
  drain(signal: StopSignal): Promise<void>;
  /** The second signal: no time left. Must be synchronous and quick. */
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
 * SIGTERM and SIGINT in two stages.
 *
 *     listening ──signal──▶ draining ──drained──────▶ the process ends by the first signal
 *                              └──second signal──▶ force() ──▶ the process ends by the second
 *
 * Ending by the signal, not by `exit(0)`, is what tells a shell or a supervisor the truth. As process 1 of a container a
 * signal without a handler is ignored by the kernel; there, and wherever the signal does not end it, the process exits with 128 + n.
 */
export function onSignals(
  handlers: SignalHandlers,
  target: SignalProcess = process,
): { dispose(): void } {
  let isDraining = false;

  const dispose = (): void => {
    for (const signal of SIGNALS) target.off(signal, receive);
  };
  const failed = (thrown: unknown): void => {
    const error = toError(thrown);
    if (handlers.failed === undefined) process.emitWarning(error);
    else handlers.failed(error);
  };
  const end = (signal: StopSignal): void => {
    dispose();
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

  for (const signal of SIGNALS) target.on(signal, receive);
  return { dispose };
}

function raise(target: SignalProcess, signal: StopSignal): void {
  target.kill(target.pid, signal);
  setTimeout(() => target.exit(128 + constants.signals[signal]), RAISE_GRACE_MS);
}
