/** A name has no address (`ENOTFOUND`), or none could be had now (`EAI_AGAIN`). */
export class LookupError extends Error {
  override readonly name = 'LookupError';
  readonly code: 'ENOTFOUND' | 'EAI_AGAIN';
  readonly syscall = 'lookup';
  readonly hostname: string;

  private constructor(code: 'ENOTFOUND' | 'EAI_AGAIN', hostname: string, message: string) {
    super(message);
    this.code = code;
    this.hostname = hostname;
  }

  /** DNS has no address of the name. */
  static notFound(hostname: string): LookupError {
    return new LookupError('ENOTFOUND', hostname, `${hostname} has no address in DNS`);
  }

  /** DNS did not say whether the name has an address. */
  static failed(hostname: string, reason: string): LookupError {
    return new LookupError('EAI_AGAIN', hostname, `${hostname} cannot be resolved: ${reason}`);
  }
}
