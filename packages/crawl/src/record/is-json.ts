import { JSON_SCANNER_WASM } from './json-scanner-wasm.ts';
import { atOnce, STEP, type Steps } from './steps.ts';

/** Deeper bodies are not embedded: programs that read records give up long before that. */
export const MAX_JSON_DEPTH = 10_000;

/** Where things are in the memory of the scanner; see `assembly/json-scanner.ts`. */
const STATE_BYTES = 16;
const DEPTH_AT = 4;
const INPUT_AT = 16_384;

const NEW_STATE = Buffer.alloc(STATE_BYTES);

interface Scanner {
  /** Takes this many bytes of the input. -1: they are wrong; 1: line breaks became spaces. */
  readonly scan: (length: number) => number;
  readonly isWhole: () => number;
  readonly memory: Buffer;
}

/** What is used of it: the types of Node do not have it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let loaded: Scanner | undefined;

/**
 * Whether bytes are JSON (RFC 8259); agrees with `JSON.parse` on everything that is UTF-8 and not
 * nested deeper than {@link MAX_JSON_DEPTH}. It reads each byte once and builds nothing. The parser
 * takes seconds for some bodies of 10 MiB: many levels, wide arrays, many different keys.
 *
 * @param bytes valid UTF-8
 */
export function isJson(bytes: Uint8Array): boolean {
  return atOnce(jsonOnOneLine(bytes)) !== undefined;
}

/**
 * JSON without line breaks: they are always between tokens, where a space means the same. What has
 * none is not copied. Undefined if the bytes are not JSON, see {@link isJson}.
 *
 * @param stepBytes at most {@link STEP}
 */
export function* jsonOnOneLine(
  bytes: Uint8Array,
  stepBytes = STEP,
): Steps<readonly Uint8Array[] | undefined> {
  const { scan, isWhole, memory } = (loaded ??= load());
  const pieces: Uint8Array[] = [];
  let copied = 0;
  memory.set(NEW_STATE);
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + stepBytes, bytes.length);
    memory.set(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end), INPUT_AT);
    const found = scan(end - at);
    if (found < 0) {
      return undefined;
    }
    if (found > 0) {
      if (copied < at) {
        pieces.push(bytes.subarray(copied, at));
      }
      pieces.push(copyOf(memory, INPUT_AT, INPUT_AT + end - at));
      copied = end;
    }
    at = end;
    if (at < bytes.length) {
      const state = copyOf(memory, 0, STATE_BYTES + memory.readUInt32LE(DEPTH_AT) + 1);
      yield;
      // Other bodies may have been read meanwhile.
      memory.set(state);
    }
  }
  if (isWhole() === 0) {
    return undefined;
  }
  if (copied < bytes.length) {
    pieces.push(copied === 0 ? bytes : bytes.subarray(copied));
  }
  return pieces;
}

function copyOf(memory: Buffer, from: number, to: number): Buffer {
  return Buffer.from(memory.subarray(from, to));
}

/** Takes less than a millisecond, once. */
function load(): Scanner {
  const module = new WebAssembly.Module(Buffer.from(JSON_SCANNER_WASM, 'base64'));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the source exports
  const { scan, isWhole, memory } = new WebAssembly.Instance(module).exports as Omit<
    Scanner,
    'memory'
  > & { readonly memory: { readonly buffer: ArrayBuffer } };
  return { scan, isWhole, memory: Buffer.from(memory.buffer) };
}
