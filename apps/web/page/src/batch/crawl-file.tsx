import { useState } from 'preact/hooks';
import type { CrawlDocument } from '../../../src/api/documents.ts';
import { command, toError } from '../api/client.ts';
import { Source } from '../part/source.tsx';
import { to } from '../route/route.ts';
import { Requests } from './requests.tsx';

interface State {
  readonly document?: CrawlDocument;
  readonly problem?: string;
}

/** The crawl file of a batch and its first requests. They are read when somebody opens one. */
export function CrawlFile({ id }: { readonly id: string }) {
  const [state, setState] = useState<State>();
  const load = async (): Promise<void> => {
    if (state?.document === undefined) {
      setState(await read(id));
    }
  };
  const { document, problem } = state ?? {};
  const waiting =
    problem === undefined ? (
      <p class="quiet">Reading …</p>
    ) : (
      <p class="problem" role="alert">
        {problem}
      </p>
    );
  return (
    <>
      <details onToggle={() => void load()}>
        <summary>Crawl file</summary>
        {document === undefined ? (
          waiting
        ) : (
          <>
            <p class="quiet">
              As the fleet stores it: comments are gone, secrets are names. It was started from{' '}
              <Source path={document.source} />.
            </p>
            <pre class="body" role="region" aria-label="Crawl file" tabIndex={0}>
              {document.crawlFile}
            </pre>
          </>
        )}
      </details>
      <details onToggle={() => void load()}>
        <summary>First requests</summary>
        {document === undefined ? waiting : <FirstRequests document={document} />}
      </details>
    </>
  );
}

function FirstRequests({
  document: { batch, first, elsewhere },
}: {
  readonly document: CrawlDocument;
}) {
  return first === null ? (
    <p class="quiet">
      Their values come from <code>{elsewhere}</code>, which the fleet does not store. The{' '}
      <a href={to(['batches', batch, 'records'])}>records</a> have the URLs.
    </p>
  ) : (
    <Requests requests={first} />
  );
}

async function read(target: string): Promise<State> {
  try {
    const { ok, document, messages } = await command({ command: 'show', target });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the command prints it
    return ok ? { document: document as CrawlDocument } : { problem: messages.join('\n') };
  } catch (error) {
    return { problem: toError(error).message };
  }
}
