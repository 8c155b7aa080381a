import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Answers a request with its own bytes. */
export type RawAnswer = (socket: Socket, path: string) => void;

/** A TCP server that reads heads of requests and answers with any bytes. */
export interface RawOrigin {
  readonly port: number;
  readonly url: string;
  /** Paths that were requested, in the order of arrival. */
  readonly paths: string[];
  stop(): Promise<void>;
}

export async function startRawOrigin(answer: RawAnswer, host = '127.0.0.1'): Promise<RawOrigin> {
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    readHeads(socket, (path) => {
      paths.push(path);
      answer(socket, path);
    });
  });
  const port = await listenOn(server, host);
  return {
    port,
    url: `http://${host}:${port}`,
    paths,
    stop: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

function readHeads(socket: Socket, onHead: (path: string) => void): void {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const [, path = ''] = text.split(' ', 2);
      text = text.slice(end + 4);
      onHead(path);
    }
  });
}

async function listenOn(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  return (server.address() as AddressInfo).port;
}
