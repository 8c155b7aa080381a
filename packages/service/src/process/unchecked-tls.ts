/*
 * On its own, because a command that is not about TLS must not load the rest of this package.
 */

const VARIABLE = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** In our own words, to be told once. */
export const UNCHECKED_TLS =
  `certificates are not checked, because ${VARIABLE} is 0: everybody on the way can read and ` +
  'change what goes over TLS, secrets included';

/** Whether this process accepts any certificate, of origins and of Redis. */
export function isTlsUnchecked(env: Readonly<Record<string, string | undefined>>): boolean {
  // As Node reads it.
  return env[VARIABLE] === '0';
}

/**
 * Takes the place of the warning that Node prints at the first connection over TLS: two lines that
 * are no lines of a log. Other warnings are printed as before.
 */
export function onUncheckedTls(tell: () => void): void {
  const others = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.message.includes(VARIABLE)) {
      tell();
      return;
    }
    for (const listener of others) {
      listener.call(process, warning);
    }
  });
}
