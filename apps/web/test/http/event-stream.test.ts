import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeAfterEach, eventually, track } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { EventStreams, type Subscribe } from '../../src/http/event-stream.ts';

closeAfterEach();

/** A server whose every request opens a stream, and a reader that reads nothing yet. */
async function openStream(streams: EventStreams, subscribe: Subscribe) {
  const server = createServer((_, response) => {
    responses.push(response);
    void streams.open('viewer', subscribe).stream(response);
  });
  const responses: ServerResponse[] = [];
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  track({
    what: 'server of a stream',
    isOpen: () => server.listening,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const { port } = server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', agent: false });
  const [reader] = (await once(request, 'response')) as [IncomingMessage];
  reader.on('error', () => undefined);
  const [response] = responses;
  if (response === undefined) {
    throw new Error('the request has not arrived');
  }
  return { reader, response };
}

describe('event streams', () => {
  it('send nothing more to a slow reader after their end', async () => {
    const streams = new EventStreams();
    const sends: ((event: string, data: string) => void)[] = [];
    const { response } = await openStream(streams, (send) => {
      sends.push(send);
      return () => undefined;
    });
    const failures: unknown[] = [];
    response.on('error', (error) => failures.push(error));
    const large = 'x'.repeat(1_000_000);
    while (!response.writableNeedDrain) {
      sends.forEach((send) => send('overview', large));
    }
    streams.stop();
    expect(response.closed).toBe(false);
    sends.forEach((send) => send('overview', '{}'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toEqual([]);
    response.destroy();
    await eventually(() => expect(streams.count).toBe(0));
  });

  it('send the newest event only when a slow reader has read on', async () => {
    const streams = new EventStreams();
    const sends: ((event: string, data: string) => void)[] = [];
    const { reader, response } = await openStream(streams, (send) => {
      sends.push(send);
      return () => undefined;
    });
    const large = 'x'.repeat(1_000_000);
    while (!response.writableNeedDrain) {
      sends.forEach((send) => send('overview', large));
    }
    // Each would keep the reader from reading on for another while.
    for (const event of ['overview', 'unavailable', 'overview']) {
      sends.forEach((send) => send(event, `${event} ${large}`));
    }
    sends.forEach((send) => send('unavailable', 'last'));
    let text = '';
    reader.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await eventually(() =>
      expect(text.slice(-30)).toBe('event: unavailable\ndata: last\n\n'.slice(-30)),
    );
    expect(text).not.toContain('data: unavailable');
    response.destroy();
    await eventually(() => expect(streams.count).toBe(0));
  });
});
