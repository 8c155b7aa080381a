/** Preloaded into a process. Shifts its wall clock by CLOCK_SHIFT_MS, as on a host without NTP. */
const shiftMs = Number(process.env.CLOCK_SHIFT_MS ?? 0);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) {
      super(RealDate.now() + shiftMs);
    } else {
      super(...args);
    }
  }
  static now() {
    return RealDate.now() + shiftMs;
  }
};
