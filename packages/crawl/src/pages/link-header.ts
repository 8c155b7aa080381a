/** Longer headers are cut. Node accepts 16 KiB of headers. */
const MAX_LENGTH = 65_536;

const BLANK = /[ \t]/;
/** No URL holds a quote or a bracket as it is. */
const TARGET = /<([^<>"]*)>/y;
const TOKEN_END = /[ \t,;=]/;

/** One link of a `Link` header. */
interface Link {
  readonly target: string;
  /** The first value of each parameter, by lower-case name: RFC 8288 ignores further ones. */
  readonly params: ReadonlyMap<string, string>;
}

/**
 * The target of the first link with `rel="next"`, as it is written; undefined if there is none.
 * Follows RFC 8288: `rel` is a list without regard to case, and links about another resource
 * (`anchor`) are left out. A malformed link is skipped and hides no other one. Takes time in
 * proportion to the length.
 *
 * Our own parser, because those of npm throw at the first malformed link.
 *
 * @param header several headers are joined by commas
 * @param url of the answer: an anchor that names it is about this answer
 */
export function nextLink(header: string, url: string): string | undefined {
  for (const { target, params } of linksOf(header.slice(0, MAX_LENGTH))) {
    const relations = (params.get('rel') ?? '').toLowerCase().split(/[ \t]+/);
    if (relations.includes('next') && isAbout(url, params.get('anchor'))) {
      return target;
    }
  }
  return undefined;
}

function isAbout(url: string, anchor: string | undefined): boolean {
  return anchor === undefined || URL.parse(anchor, url)?.href === URL.parse(url)?.href;
}

function* linksOf(text: string): Generator<Link> {
  const scan = new Scan(text);
  while (!scan.isOver) {
    scan.skip(/[ \t,]/);
    const target = scan.target();
    if (target !== undefined) {
      yield { target, params: scan.params() };
    }
    // What is left of a malformed link.
    scan.toComma();
  }
}

class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isOver(): boolean {
    return this.#at >= this.#text.length;
  }

  get #unit(): string {
    return this.#text.charAt(this.#at);
  }

  skip(blanks: RegExp): void {
    while (!this.isOver && blanks.test(this.#unit)) {
      this.#at += 1;
    }
  }

  target(): string | undefined {
    TARGET.lastIndex = this.#at;
    const [whole = '', target] = TARGET.exec(this.#text) ?? [];
    this.#at += whole.length;
    return target?.trim();
  }

  params(): ReadonlyMap<string, string> {
    const params = new Map<string, string>();
    for (this.skip(BLANK); this.#is(';'); this.skip(BLANK)) {
      this.skip(/[ \t;]/);
      const name = this.#token().toLowerCase();
      this.skip(BLANK);
      const value = this.#is('=') ? this.#value() : '';
      if (name !== '' && !params.has(name)) {
        params.set(name, value);
      }
    }
    return params;
  }

  toComma(): void {
    while (!this.isOver && this.#unit !== ',') {
      if (this.#unit === '"') {
        this.#quoted();
      } else {
        this.#at += 1;
      }
    }
  }

  #is(unit: string): boolean {
    return this.#unit === unit;
  }

  #value(): string {
    this.#at += 1;
    this.skip(BLANK);
    return this.#unit === '"' ? this.#quoted() : this.#token();
  }

  #token(): string {
    const start = this.#at;
    while (!this.isOver && !TOKEN_END.test(this.#unit)) {
      this.#at += 1;
    }
    return this.#text.slice(start, this.#at);
  }

  #quoted(): string {
    let value = '';
    this.#at += 1;
    while (!this.isOver && this.#unit !== '"') {
      if (this.#unit === '\\') {
        this.#at += 1;
      }
      value += this.#unit;
      this.#at += 1;
    }
    this.#at += 1;
    return value;
  }
}
