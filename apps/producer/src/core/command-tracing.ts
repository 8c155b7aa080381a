import { VERSION } from '@fetchfleet/crawl';
import type { ExpansionTrace, Ledger, MeasuredCrawl } from '@fetchfleet/fleet';
import { openTracing, traceExpansion, traceIdsOf, type Tracing } from '@fetchfleet/service';
import type { Context } from './context.ts';

/**
 * Spans of a command. What has called it may name a span of its own in TRACEPARENT: the command is
 * a part of that. A command that does not trace itself stores that one with what it enqueues.
 */
export class CommandTracing {
  readonly #tracing: Tracing | undefined;
  readonly #parent: string | undefined;

  private constructor(tracing: Tracing | undefined, parent: string | undefined) {
    this.#tracing = tracing;
    this.#parent = traceIdsOf(parent) === undefined ? undefined : parent;
  }

  /** Runs a command, and sends its spans then. */
  static async use<T>(
    { env, terminal }: Pick<Context, 'env' | 'terminal'>,
    work: (tracing: CommandTracing) => Promise<T>,
  ): Promise<T> {
    const tracing = await openTracing({
      env,
      service: 'fetchfleet',
      version: VERSION,
      onProblem: (sentence) => terminal.warn(sentence),
    });
    try {
      return await work(new CommandTracing(tracing, env['TRACEPARENT']));
    } finally {
      await tracing?.stop();
    }
  }

  /** A new id for a batch, and what is stored with it. */
  async expansionOf(
    { local, total }: Pick<MeasuredCrawl, 'local' | 'total'>,
    ledger: Pick<Ledger, 'newId'>,
  ): Promise<{ readonly id: string; readonly trace: ExpansionTrace | undefined }> {
    const { name } = local.original.plan;
    const id = await ledger.newId(name);
    const parent = this.#parent;
    if (this.#tracing !== undefined) {
      return { id, trace: traceExpansion(this.#tracing, { batch: id, name, parent, total }) };
    }
    const trace = parent === undefined ? undefined : { context: parent, onEnd: () => undefined };
    return { id, trace };
  }

  /** Runs what sets a schedule. `work` gets the context to store with it. */
  async scheduling<T>(id: string, work: (context: string | undefined) => Promise<T>): Promise<T> {
    const span = this.#tracing?.start('set schedule', {
      parent: this.#parent,
      attributes: { 'fetchfleet.schedule.id': id },
    });
    try {
      return await work(span?.context ?? this.#parent);
    } finally {
      span?.end();
    }
  }
}
