import type { CommandAnswer, CommandRequest } from '../../../src/api/documents.ts';
import { command, toError } from '../api/client.ts';
import { say } from './notice.tsx';

/** What to type next: here are buttons. */
const HINT = /^[A-Z][\w ]* with: /;

/** Runs a command and says what it said. @returns undefined if it was refused */
export async function run(request: CommandRequest): Promise<CommandAnswer | undefined> {
  try {
    const answer = await command(request);
    const text = answer.messages.filter((line) => !HINT.test(line)).join('\n');
    const { command: name, target = '' } = request;
    // Some commands print a document and no sentence.
    const ending = `${answer.ok ? 'Done' : 'It failed'}: ${name} ${target}`;
    say(text || ending, { isBad: !answer.ok });
    return answer;
  } catch (error) {
    say(toError(error).message, { isBad: true });
    return undefined;
  }
}
