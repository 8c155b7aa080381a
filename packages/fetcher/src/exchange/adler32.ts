const MODULUS = 65_521;
/** So many bytes are added before a sum may exceed 31 bits. */
const STEP_BYTES = 3_800;

/**
 * The checksum of zlib (RFC 1950), which Node does not have.
 *
 * @param before that of the bytes before these. @default 1, of none
 */
export function adler32(bytes: Uint8Array, before = 1): number {
  let sum = before & 0xffff;
  let sums = before >>> 16;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + STEP_BYTES, bytes.length);
    for (; at < end; at += 1) {
      sum += bytes[at] ?? 0;
      sums += sum;
    }
    sum %= MODULUS;
    sums %= MODULUS;
  }
  return ((sums << 16) | sum) >>> 0;
}
