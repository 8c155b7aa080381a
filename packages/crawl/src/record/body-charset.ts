import { isAscii, isUtf8 } from 'node:buffer';
import { charsetOf, type MediaType } from './media-type.ts';
import { STEP, type Steps } from './steps.ts';

/** A body that is text. */
export interface DecodedText {
  /** The text as UTF-8: the bytes of the body, where they are that. */
  readonly utf8: Buffer;
  /** What the body was in; undefined for UTF-8. */
  readonly charset?: string | undefined;
}

/** Browsers look for a declaration in as many bytes. */
const DECLARATION_BYTES = 1_024;
/** What browsers read text as if nothing says its charset. It has a character for every byte. */
const FALLBACK = 'windows-1252';
/** Bytes that no text has (WHATWG MIME Sniffing, "binary data byte"). */
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const BINARY = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;
/** Those that JSON cannot have. */
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f]/;
const COMMENTS = /<!--.*?(?:-->|$)/gs;

/** The text of UTF-8 bytes. */
export function utf8Text(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
}

/**
 * Decodes a body as browsers do. A byte order mark counts most and is dropped, then the charset of
 * the header, then that of `<meta>` or of the XML declaration, then UTF-8. Undefined if the body is
 * no text.
 */
export function* decodeText(bytes: Buffer, type: MediaType): Steps<DecodedText | undefined> {
  if (isPlainUtf8(bytes, type)) {
    return { utf8: bytes };
  }
  const mark = type.isText ? markedCharset(bytes) : undefined;
  const isUnicode = isUtf8(bytes);
  if (type.isJson && isUnicode && mark === undefined && !(yield* has(bytes, CONTROLS))) {
    // JSON is UTF-8, whatever its header says. UTF-16 and ISO-2022-JP have control characters.
    return { utf8: bytes };
  }
  const charset = mark ?? type.charset ?? declaredCharset(bytes, type);
  const decoded = charset === undefined ? undefined : yield* decode(bytes, charset, type);
  if (decoded !== undefined || isUnicode) {
    return decoded ?? { utf8: bytes };
  }
  const isUnnamed = charset === undefined && type.isText && !type.isJson;
  return isUnnamed ? yield* decode(bytes, FALLBACK, type) : undefined;
}

/** Whether a body of this type is UTF-8 if its bytes are: nothing else has to be looked at. */
function isPlainUtf8(bytes: Buffer, type: MediaType): boolean {
  const isDeclaredOther = type.charset !== undefined && type.charset !== 'utf-8';
  return !isDeclaredOther && type.declaration === undefined && bytes[0] !== 0xef && isUtf8(bytes);
}

/** Whether there are such bytes. */
function* has(bytes: Buffer, pattern: RegExp): Steps<boolean> {
  for (let at = 0; at < bytes.length; at += STEP) {
    if (pattern.test(bytes.toString('latin1', at, at + STEP))) {
      return true;
    }
    yield;
  }
  return false;
}

/** @throws TypeError for malformed bytes, if the decoder is fatal */
function* decodeAll(bytes: Buffer, decoder: InstanceType<typeof TextDecoder>): Steps<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += STEP) {
    const text = decoder.decode(bytes.subarray(at, at + STEP), { stream: true });
    pieces.push(Buffer.from(text));
    yield;
  }
  pieces.push(Buffer.from(decoder.decode()));
  return Buffer.concat(pieces);
}

function markedCharset(bytes: Buffer): string | undefined {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) {
    return 'utf-8';
  }
  if (first === 0xff && second === 0xfe) {
    return 'utf-16le';
  }
  return first === 0xfe && second === 0xff ? 'utf-16be' : undefined;
}

function declaredCharset(bytes: Buffer, { declaration }: MediaType): string | undefined {
  if (declaration === undefined) {
    return undefined;
  }
  const start = bytes.toString('latin1', 0, DECLARATION_BYTES);
  const charset = charsetOf(declaration.exec(start.replaceAll(COMMENTS, ''))?.[1]);
  // The declaration itself was just read as ASCII.
  return charset?.startsWith('utf-16') === true ? 'utf-8' : charset;
}

/**
 * A malformed character becomes U+FFFD in what its header calls text; JSON and everything else has
 * to be whole.
 */
function* decode(bytes: Buffer, charset: string, type: MediaType): Steps<DecodedText | undefined> {
  const isWide = charset.startsWith('utf-16');
  if (!isWide && !isUtf8(bytes) && (yield* has(bytes, BINARY))) {
    return undefined;
  }
  const fatal = isWide || type.isJson || !type.isText;
  try {
    const utf8 = yield* decodeAll(bytes, new TextDecoder(charset, { fatal }));
    return { utf8, charset: charset === 'utf-8' ? undefined : charset };
  } catch {
    return undefined;
  }
}
