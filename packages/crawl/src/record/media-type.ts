/** What a `content-type` says about how to read a body. */
export interface MediaType {
  /** A JSON MIME type as WHATWG defines it: `application/json`, `text/json`, `…+json`. */
  readonly isJson: boolean;
  /** Whether a body of this type is text in some charset. JSON is. */
  readonly isText: boolean;
  /** Finds the charset that the text itself declares. */
  readonly declaration: RegExp | undefined;
  /** The charset of the header, by the name of its decoder. */
  readonly charset: string | undefined;
}

const OPAQUE: MediaType = {
  isJson: false,
  isText: false,
  declaration: undefined,
  charset: undefined,
};

/**
 * One type with its parameters, from a list. A header that came twice, or that a proxy joined, is
 * such a list.
 */
const TYPE = /(?:^|,)[ \t]*([^\s;,/"]+\/[^\s;,"]+)((?:[^,"]|"(?:[^"\\]|\\.)*")*)/g;
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*["']?([^\s;,"']+)/i;

const JSON_TYPE = /^(?:application|text)\/json$|\+json$/;
const HTML_TYPE = /^text\/html$/;
const XML_TYPE = /^(?:application|text)\/xml$|\+xml$/;
const TEXT_TYPE =
  /^text\/|^application\/(?:(?:x-)?(?:java|ecma)script|(?:x-)?ndjson|(?:x-)?yaml|x-www-form-urlencoded)$|\+yaml$/;

const META = /<meta\s(?:[^>]*?[\s;"'])?charset\s*=\s*["']?\s*([^\s"'/>;]+)/i;
const XML_DECLARATION = /^\s*<\?xml\s[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']/;

let lastText: string | undefined;
let lastType = OPAQUE;

/** The type of a body. The last one is kept: one origin mostly sends the same header. */
export function mediaTypeOf(contentType: string | undefined): MediaType {
  if (contentType !== lastText) {
    lastText = contentType;
    lastType = contentType === undefined ? OPAQUE : parseMediaType(contentType);
  }
  return lastType;
}

/** The name of the decoder for a label of a charset; undefined if there is none. */
export function charsetOf(label: string | undefined): string | undefined {
  if (label === undefined) {
    return undefined;
  }
  try {
    return new TextDecoder(label).encoding;
  } catch {
    // An unknown label counts as none, as in browsers.
    return undefined;
  }
}

/** The last type of the list counts; without a charset it keeps that of an equal one before. */
function parseMediaType(contentType: string): MediaType {
  let essence = '';
  let label: string | undefined;
  for (const [, type = '', parameters = ''] of contentType.matchAll(TYPE)) {
    const next = type.toLowerCase();
    if (next !== '*/*') {
      const own = CHARSET.exec(parameters)?.[1];
      label = next === essence ? (own ?? label) : own;
      essence = next;
    }
  }
  const isJson = JSON_TYPE.test(essence);
  const isXml = XML_TYPE.test(essence);
  const declaration = isXml ? XML_DECLARATION : undefined;
  return {
    isJson,
    isText: isJson || isXml || TEXT_TYPE.test(essence),
    declaration: HTML_TYPE.test(essence) ? META : declaration,
    charset: charsetOf(label),
  };
}
