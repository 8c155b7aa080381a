type Value = string | number | boolean | undefined;

/** A span as a collector gets it. */
export interface OtlpSpan {
  readonly service: string;
  readonly resource: Readonly<Record<string, Value>>;
  readonly name: string;
  /** 1 internal, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it begins a trace. */
  readonly parentId: string;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, Value>>;
  }[];
  /** Ids of spans. */
  readonly links: readonly string[];
  /** 2 for an error. */
  readonly status: number;
}

/* What a body has, whatever the encoding: the names are those of JSON. */

interface KeyValue {
  readonly key?: string;
  readonly value?: Readonly<Record<string, Value>>;
}

interface Sent {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly SentSpan[] }[];
  }[];
}

interface SentSpan {
  readonly name?: string;
  readonly kind?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly {
    readonly name?: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly links?: readonly { readonly spanId?: string }[];
  readonly status?: { readonly code?: number };
}

export function spansOfJson(text: string): OtlpSpan[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what tests expect is checked
  return spansOf(JSON.parse(text) as Sent);
}

export function spansOfProtobuf(body: Buffer): OtlpSpan[] {
  return spansOf(decode(body, REQUEST));
}

function spansOf({ resourceSpans = [] }: Sent): OtlpSpan[] {
  return resourceSpans.flatMap(({ resource: sent, scopeSpans = [] }) => {
    const resource = valuesOf(sent?.attributes);
    const service = String(resource['service.name']);
    return scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span) => ({ service, resource, ...spanOf(span) })),
    );
  });
}

function spanOf(span: SentSpan): Omit<OtlpSpan, 'service' | 'resource'> {
  const { name = '', kind = 0, traceId = '', spanId = '', parentSpanId = '' } = span;
  const { startTimeUnixNano: start = 0, endTimeUnixNano: end = 0 } = span;
  return {
    name,
    kind,
    traceId,
    spanId,
    parentId: parentSpanId,
    durationMs: Number((BigInt(end) - BigInt(start)) / 1_000_000n),
    attributes: valuesOf(span.attributes),
    events: (span.events ?? []).map((event) => ({
      name: event.name ?? '',
      attributes: valuesOf(event.attributes),
    })),
    links: (span.links ?? []).map((link) => link.spanId ?? ''),
    status: span.status?.code ?? 0,
  };
}

function valuesOf(pairs: readonly KeyValue[] = []): Record<string, Value> {
  return Object.fromEntries(
    pairs.map(({ key = '', value = {} }) => {
      const { intValue, ...others } = value;
      return [key, intValue === undefined ? Object.values(others)[0] : Number(intValue)];
    }),
  );
}

/** How a field of a message is read: by its number. */
type Field =
  | readonly [name: string, type: 'text' | 'hex' | 'number' | 'fixed' | 'double' | 'flag']
  | readonly [name: string, type: Message, isList?: 'list'];
interface Message {
  readonly [field: number]: Field;
}

const VALUE: Message = {
  1: ['stringValue', 'text'],
  2: ['boolValue', 'flag'],
  3: ['intValue', 'number'],
  4: ['doubleValue', 'double'],
};
const PAIR: Message = { 1: ['key', 'text'], 2: ['value', VALUE] };
const EVENT: Message = { 2: ['name', 'text'], 3: ['attributes', PAIR, 'list'] };
const LINK: Message = { 1: ['traceId', 'hex'], 2: ['spanId', 'hex'] };
const SPAN: Message = {
  1: ['traceId', 'hex'],
  2: ['spanId', 'hex'],
  4: ['parentSpanId', 'hex'],
  5: ['name', 'text'],
  6: ['kind', 'number'],
  7: ['startTimeUnixNano', 'fixed'],
  8: ['endTimeUnixNano', 'fixed'],
  9: ['attributes', PAIR, 'list'],
  11: ['events', EVENT, 'list'],
  13: ['links', LINK, 'list'],
  15: ['status', { 3: ['code', 'number'] }],
};
const REQUEST: Message = {
  1: [
    'resourceSpans',
    {
      1: ['resource', { 1: ['attributes', PAIR, 'list'] }],
      2: ['scopeSpans', { 2: ['spans', SPAN, 'list'] }, 'list'],
    },
    'list',
  ],
};

/** Reads the wire format of Protocol Buffers. */
function decode(bytes: Buffer, message: Message): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte % 128) * factor;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    const number = wire === 0 ? varint() : 0;
    const part = bytes.subarray(at, at + length);
    at += length;
    const field = message[Math.floor(tag / 8)];
    if (field === undefined) {
      continue;
    }
    const [name, type, isList] = field;
    const value = typeof type === 'string' ? scalar(type, part, number) : decode(part, type);
    const before: unknown = found[name];
    found[name] = isList === 'list' ? [...(Array.isArray(before) ? before : []), value] : value;
  }
  return found;
}

function scalar(type: string, part: Buffer, number: number): Value {
  switch (type) {
    case 'text':
      return part.toString();
    case 'hex':
      return part.toString('hex');
    case 'fixed':
      return String(part.readBigUInt64LE());
    case 'double':
      return part.readDoubleLE();
    case 'flag':
      return number === 1;
    default:
      return number;
  }
}
