import { lineText, type RecordLine, toError } from '@fetchfleet/crawl';
import {
  type ResultsStore,
  ResultsUnreadableError,
  type Sink,
  type SinkOptions,
} from '@fetchfleet/results';
import type { Logger } from '@fetchfleet/service';
import type { FetchRecord } from '../fleet/documents.ts';

/** Where a worker writes records, if not to one of the places that fetchfleet knows. */
export interface CustomSink {
  /** a-z, 0-9 and -: the same for all workers that write to the same place. */
  readonly name: string;
  /** Called before the first record. */
  start?(): void | Promise<void>;
  /**
   * Stores records. They are settled when this resolves, so they must be durable by then. After a
   * rejection the worker stops fetching and calls it again with the same records; it may come with
   * records that another worker has stored already: (batch, index, page) is their key.
   */
  write(batch: string, records: readonly FetchRecord[]): void | Promise<void>;
  /** Called after the last record. */
  stop?(): void | Promise<void>;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @internal @throws TypeError if the name is none */
export function customStore(custom: CustomSink): ResultsStore {
  const { name } = custom;
  if (!NAME.test(name)) {
    throw new TypeError(`the name of a sink is of a-z, 0-9 and -, not ${JSON.stringify(name)}`);
  }
  const location = `sink:${name}`;
  const unreadable = async (): Promise<never> => {
    throw new ResultsUnreadableError(`records in ${location} are read by whoever wrote the sink`);
  };
  return {
    location,
    sink: () => sinkOf(custom),
    probe: async () => undefined,
    examine: async () => ({ id: name, writeMs: undefined }),
    batches: async () => [],
    manifest: async () => undefined,
    measure: async () => undefined,
    remove: async () => undefined,
    inPlace: unreadable,
    checkOut: unreadable,
  };
}

function sinkOf(custom: CustomSink): Sink {
  return {
    id: custom.name,
    start: async () => custom.start?.(),
    assertSame: async () => undefined,
    append: async (batch, lines) => custom.write(batch, lines.map(parsed)),
    stop: async () => custom.stop?.(),
  };
}

/** @internal */
interface Observer {
  readonly onRecord: (record: FetchRecord) => void | Promise<void>;
  readonly log: Logger;
}

/** @internal The same store, whose sinks tell of every record that is durable. */
export function observedStore(store: ResultsStore, observer: Observer): ResultsStore {
  return {
    location: store.location,
    sink: (options: SinkOptions) => observedSink(store.sink(options), observer),
    probe: async () => store.probe(),
    examine: async () => store.examine(),
    batches: async () => store.batches(),
    manifest: async (batch) => store.manifest(batch),
    measure: async (batch) => store.measure(batch),
    remove: async (batch) => store.remove(batch),
    inPlace: async (batch) => store.inPlace(batch),
    checkOut: async (batch, options) => store.checkOut(batch, options),
  };
}

function observedSink(sink: Sink, { onRecord, log }: Observer): Sink {
  return {
    get id() {
      return sink.id;
    },
    ...(sink.gathering !== undefined && { gathering: sink.gathering }),
    start: async () => sink.start(),
    assertSame: async () => sink.assertSame(),
    append: async (batch, lines) => {
      await sink.append(batch, lines);
      for (const line of lines) {
        try {
          await onRecord(parsed(line));
        } catch (error) {
          log.error({ batch, err: toError(error) }, 'onRecord failed');
        }
      }
    },
    stop: async () => sink.stop(),
  };
}

function parsed(line: RecordLine): FetchRecord {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this worker has written it
  return JSON.parse(lineText(line)) as FetchRecord;
}
