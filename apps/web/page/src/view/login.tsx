import { useState } from 'preact/hooks';
import { logIn, toError } from '../api/client.ts';

/** Asks for the token that the server was started with. */
export function Login() {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await logIn(token);
    } catch (error) {
      setProblem(toError(error).message);
    }
  };
  return (
    <main class="alone">
      <h1>fetchfleet</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Token
          <input
            type="password"
            autocomplete="current-password"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
            autofocus
          />
        </label>
        <button type="submit" class="main" disabled={token === ''}>
          Log in
        </button>
        {problem !== undefined && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <p class="quiet">
          The one that <code>fetchfleet web</code> was started with:{' '}
          <code>FETCHFLEET_WEB_TOKEN</code>.
        </p>
      </form>
    </main>
  );
}
