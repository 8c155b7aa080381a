import { isAscii, isUtf8 } from 'node:buffer';
import { charsetOf, type MediaType } from './media-type.ts';

/** A body as text. */
export interface DecodedText {
  readonly text: string;
  /** Undefined for UTF-8. */
  readonly charset?: string | undefined;
}

/** Browsers look for a declaration in as many bytes. */
const DECLARATION_BYTES = 1_024;
/** What browsers read text as if nothing says its charset. It has a character for every byte. */
const FALLBACK = 'windows-1252';
/** Bytes that no text has (WHATWG MIME Sniffing, "binary data byte"). */
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const BINARY = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;
const COMMENTS = /<!--.*?(?:-->|$)/gs;

/** Whether a body of this type is UTF-8 if its bytes are: nothing else has to be looked at. */
export function isPlainUtf8(bytes: Buffer, type: MediaType): boolean {
  const isDeclaredOther = type.charset !== undefined && type.charset !== 'utf-8';
  return !isDeclaredOther && type.declaration === undefined && bytes[0] !== 0xef && isUtf8(bytes);
}

/** The text of UTF-8 bytes. */
export function utf8Text(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
}

/**
 * Decodes a body as browsers do. A byte order mark counts most and is dropped, then the charset of
 * the header, then that of `<meta>` or of the XML declaration, then UTF-8. Undefined if the body is
 * no text.
 */
export function decodeText(bytes: Buffer, type: MediaType): DecodedText | undefined {
  const mark = type.isText ? markedCharset(bytes) : undefined;
  const isUnicode = isUtf8(bytes);
  if (type.isJson && isUnicode && mark === undefined && !hasControls(bytes)) {
    // JSON is UTF-8, whatever its header says. UTF-16 and ISO-2022-JP have control characters.
    return { text: utf8Text(bytes) };
  }
  const charset = mark ?? type.charset ?? declaredCharset(bytes, type);
  const decoded = charset === undefined ? undefined : decode(bytes, charset, type);
  if (decoded !== undefined || isUnicode) {
    return decoded ?? { text: utf8Text(bytes) };
  }
  const isUnnamed = charset === undefined && type.isText && !type.isJson;
  return isUnnamed ? decode(bytes, FALLBACK, type) : undefined;
}

/** Whether there are control characters that JSON cannot have. */
function hasControls(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) {
      return true;
    }
  }
  return false;
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
function decode(bytes: Buffer, charset: string, type: MediaType): DecodedText | undefined {
  const isWide = charset.startsWith('utf-16');
  if (!isWide && !isUtf8(bytes) && BINARY.test(bytes.toString('latin1'))) {
    return undefined;
  }
  const fatal = isWide || type.isJson || !type.isText;
  try {
    const text = new TextDecoder(charset, { fatal }).decode(bytes);
    return { text, charset: charset === 'utf-8' ? undefined : charset };
  } catch {
    return undefined;
  }
}
