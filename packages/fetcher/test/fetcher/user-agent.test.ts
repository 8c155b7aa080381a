import { validateHeaderValue } from 'node:http';
import { VERSION } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { USER_AGENT, userAgentFor } from '../../src/fetcher/user-agent.ts';
import { closeAfterEachTest, newFetcher, requestFor, serve, TRANSPORTS } from '../server.ts';

closeAfterEachTest();

describe('userAgentFor', () => {
  it.each([
    [undefined, USER_AGENT],
    ['', USER_AGENT],
    ['ops@example.org', `fetchfleet/${VERSION} (+ops@example.org)`],
    ['https://example.org/bot?x=1', `fetchfleet/${VERSION} (+https://example.org/bot?x=1)`],
    ['https://example.org/Bot_(x)', `fetchfleet/${VERSION} (+https://example.org/Bot_%28x%29)`],
    ['x\r\nhost: evil', `fetchfleet/${VERSION} (+x%0D%0Ahost:%20evil)`],
    ['\\) other/1 (\0', `fetchfleet/${VERSION} (+%5C%29%20other/1%20%28%00)`],
    ['jörg😀\ud800', `fetchfleet/${VERSION} (+j%C3%B6rg%F0%9F%98%80%EF%BF%BD)`],
  ])('turns the contact %j into a valid header', (contact, userAgent) => {
    expect(userAgentFor(contact)).toBe(userAgent);
    validateHeaderValue('user-agent', userAgent);
  });

  it.each(TRANSPORTS)('is sent by %s, unless the crawl file sets its own', async (transport) => {
    const { url } = await serve((request, response) => {
      response.end(request.headers['user-agent']);
    });
    const fetcher = newFetcher(transport, { userAgent: USER_AGENT });
    const contact = { 'user-agent': userAgentFor('ops@example.org') };
    const sent: string[] = [];
    for (const headers of [{}, contact, { ...contact, 'user-agent': 'mine/1' }]) {
      const result = await fetcher.fetch(requestFor(url, { headers }));
      sent.push(result.kind === 'response' ? result.body.toString() : result.code);
    }
    expect(sent).toEqual([USER_AGENT, `fetchfleet/${VERSION} (+ops@example.org)`, 'mine/1']);
  });
});
