import type { RequestDocument } from '../../../src/api/documents.ts';

interface RequestsProps {
  readonly requests: readonly RequestDocument[];
}

/** Requests as workers send them: what is the same for all of them is said once. */
export function Requests({ requests }: RequestsProps) {
  const [first, ...others] = requests;
  const isCommon = (name: string): boolean =>
    others.every(({ headers }) => headers[name] === first?.headers[name]);
  const headers = Object.entries(first?.headers ?? {});
  const common = headers.filter(([name]) => isCommon(name));
  const own = headers.filter(([name]) => !isCommon(name));
  return (
    <div class="detail">
      <ol class="first">
        {requests.map((request) => (
          <li key={request.index}>
            <span class="id">
              {request.method} {request.url}
            </span>
            {own.map(([name]) => (
              <div key={name} class="id quiet">
                {name}: {request.headers[name]}
              </div>
            ))}
            {request.body !== undefined && <div class="id quiet">{request.body}</div>}
          </li>
        ))}
      </ol>
      {common.length > 0 && (
        <details>
          <summary>
            Headers <span class="quiet">({common.length})</span>
          </summary>
          <dl>
            {common.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd class="id">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  );
}
