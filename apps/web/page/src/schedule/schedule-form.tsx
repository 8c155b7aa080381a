import type { CommandRequest } from '../../../src/api/documents.ts';

/** As they are typed; an empty one is the usual. */
export interface ScheduleOptions {
  readonly cron: string;
  readonly tz: string;
  readonly id: string;
  readonly overlap: string;
  readonly catchUp: string;
  readonly keep: string;
}

export const USUAL: ScheduleOptions = {
  cron: '0 2 * * *',
  tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
  id: '',
  overlap: 'skip',
  catchUp: '1h',
  keep: '',
};

const ZONES = 'time-zones';

interface ScheduleFormProps {
  readonly options: ScheduleOptions;
  readonly onChange: (options: ScheduleOptions) => void;
  /** Name of the crawl. */
  readonly name: string | undefined;
}

/** When a crawl file runs, and what stays of it. */
export function ScheduleForm({ options, onChange, name }: ScheduleFormProps) {
  const field = (
    key: keyof ScheduleOptions,
    more: { readonly list?: string; readonly placeholder?: string } = {},
  ) => (
    <input
      type="text"
      value={options[key]}
      {...more}
      onInput={(event) => onChange({ ...options, [key]: event.currentTarget.value })}
    />
  );
  return (
    <div class="options">
      <label>
        <span>
          Runs at <span class="quiet">minute hour day month weekday</span>
        </span>
        {field('cron')}
      </label>
      <label>
        Time zone
        {field('tz', { list: ZONES, placeholder: 'UTC' })}
      </label>
      <datalist id={ZONES}>
        {['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <label>
        If the last batch still runs
        <select
          value={options.overlap}
          onChange={(event) => onChange({ ...options, overlap: event.currentTarget.value })}
        >
          <option value="skip">skip this run</option>
          <option value="queue">start after it</option>
          <option value="allow">start beside it</option>
        </select>
      </label>
      <label>
        <span>
          A missed run starts within <span class="quiet">0: never</span>
        </span>
        {field('catchUp', { placeholder: '1h' })}
      </label>
      <label>
        <span>
          Batches that stay <span class="quiet">10, or 30d</span>
        </span>
        {field('keep', { placeholder: 'all' })}
      </label>
      <label>
        Id
        {field('id', { placeholder: name ?? 'the name of the crawl' })}
      </label>
    </div>
  );
}

/** What is given, for the command. */
export function optionsOf(options: ScheduleOptions): NonNullable<CommandRequest['options']> {
  return Object.fromEntries(
    Object.entries(options)
      .map(([name, value]) => [name, value.trim()] as const)
      .filter(([, value]) => value !== ''),
  );
}
