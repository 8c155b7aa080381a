/** Calls `work` again and again. @returns stops it; may be called twice */
export type Every = (periodMs: number, work: () => void) => () => void;

/** By a timer of its own, for processes that have no other work to do at the same time. */
export const everyAlone: Every = (periodMs, work) => {
  const timer = setInterval(work, periodMs).unref();
  return () => clearInterval(timer);
};
