import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { makeAnswersPlain } from './plain-answers.ts';
import { connect as connectTo } from '../connect/connect.ts';
import { serverNameOf } from '../connect/tls-options.ts';
import { idleTimeMs } from './idle-time.ts';
import type { ConnectOptions } from './transport.ts';

declare module 'node:http' {
  interface ClientRequestArgs {
    /** What an agent of https asks TLS for. The types of Node lack it. */
    servername?: string | undefined;
  }
  interface Agent {
    /** Makes a connection for a request. The types of Node lack it. */
    createSocket(
      request: http.ClientRequest,
      options: http.ClientRequestArgs,
      created: (error: Error | null, socket?: Duplex) => void,
    ): void;
  }
}

export interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** Requests whose connection is being made. */
const connecting = new WeakMap<http.ClientRequest, Socket>();

/** Ends the attempts to connect for a request that has been given up. */
export function abortConnecting(request: http.ClientRequest | undefined): void {
  if (request !== undefined) {
    connecting.get(request)?.destroy();
  }
}

/** Until when a request may be sent, for those that may not be sent at any time. */
interface ConnectingLimit {
  /** As `performance.now()`. */
  readonly sendBy: number;
  /** Called when the connection is ready later than that. The request has been destroyed. */
  readonly onTooLate: () => void;
}

/** Connections over which nothing was sent: they were ready too late. */
const UNUSED = new WeakSet<Duplex>();
const LIMITS = new WeakMap<http.ClientRequest, ConnectingLimit>();

/** To be called before a request has its connection. It concerns new connections only. */
export function limitConnecting(request: http.ClientRequest, limit: ConnectingLimit): void {
  LIMITS.set(request, limit);
}

/** Destroys a request whose connection is ready too late. Its agent keeps the connection. */
function giveUpIfTooLate(request: http.ClientRequest | undefined, connection: Socket): void {
  const limit = request && LIMITS.get(request);
  if (request === undefined || limit === undefined || performance.now() <= limit.sendBy) {
    return;
  }
  UNUSED.add(connection);
  // As if it had been sent: the agent closes a connection without a request.
  Reflect.set(connection, '_httpMessage', request);
  request.destroy();
  limit.onTooLate();
}

/** Keep-alive agents of `node:http` and `node:https` whose connections are dialled by us. */
export function createAgents(
  options: ConnectOptions,
  { keepsUsed }: { readonly keepsUsed: boolean },
): Agents {
  const pool: http.AgentOptions = {
    keepAlive: true,
    maxSockets: options.maxConnectionsPerOrigin,
    // A lower number would close the connections of a burst, only to open them again.
    maxFreeSockets: options.maxConnectionsPerOrigin,
  };
  const agents = {
    http: new http.Agent(pool),
    https: new https.Agent({ ...pool, ...options.tls }),
  };
  for (const agent of [agents.http, agents.https]) {
    dialConnections(agent, options);
    limitIdleTime(agent, keepsUsed);
  }
  return agents;
}

/** Closes the connections of an agent that no request uses. */
export function closeFreeSockets(agent: http.Agent): void {
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
    socket.destroy();
  }
}

/**
 * Makes the agent connect as `connect` does. While a connection is being made, an unconnected
 * socket stands for it: the agent counts it as one of the origin's connections, and destroys it
 * with the others.
 */
function dialConnections(agent: http.Agent, options: ConnectOptions): void {
  const connect = agent.createConnection.bind(agent);
  const { isForHead, proxy } = options;
  let request: http.ClientRequest | undefined;
  agent.createConnection = (args, created) => {
    const own = request;
    const place = new Socket();
    const leave = occupy(agent, args, place);
    let tls: Socket | undefined;
    const use = (connection: Socket): void => {
      leave();
      giveUpIfTooLate(own, connection);
      created?.(null, connection);
    };
    const fail = (error?: Error): void => {
      leave();
      // The agent has to see a socket that closes: only then it goes on with waiting requests.
      const socket = new Socket();
      socket.destroy(error);
      created?.(null, socket);
    };
    const isTls = agent instanceof https.Agent;
    const target = { host: args.host ?? 'localhost', port: Number(args.port), isTls };
    const dial = connectTo(target, options, {
      onConnected: (tcp) => {
        if (!isTls) {
          makeAnswersPlain(tcp, { isForHead, isFromProxy: proxy !== undefined });
          use(tcp);
          return;
        }
        const servername = serverNameOf(args.servername ?? '');
        const overTcp = { ...args, socket: tcp, servername };
        const socket = connect(overTcp);
        // Typed as a Duplex; it is a TLSSocket.
        if (socket instanceof Socket) {
          tls = socket;
          makeAnswersPlain(socket, { isForHead });
          dial.limitTls(socket);
          if (own !== undefined && LIMITS.has(own)) {
            socket.once('error', fail);
            socket.once('secureConnect', () => {
              socket.off('error', fail);
              use(socket);
            });
          } else {
            use(socket);
          }
        }
      },
      onFailed: fail,
    });
    place.once('close', () => {
      dial.abort();
      tls?.destroy();
      fail();
    });
    if (own !== undefined) {
      connecting.set(own, place);
    }
    return undefined;
  };
  const create = agent.createSocket.bind(agent);
  agent.createSocket = (req, args, created) => {
    request = req;
    create(req, args, created);
    request = undefined;
  };
}

/** @returns ends it */
function occupy(agent: http.Agent, args: http.ClientRequestArgs, place: Socket): () => void {
  const name = agent.getName(args);
  const sockets = agent.sockets[name] ?? [];
  Reflect.set(agent.sockets, name, sockets);
  sockets.push(place);
  return () => {
    place.removeAllListeners('close');
    const at = sockets.indexOf(place);
    if (at !== -1) {
      sockets.splice(at, 1);
    }
  };
}

/** How long connections may be idle of which an answer has said so, in ms. */
const IDLE_TIMES = new WeakMap<Duplex, number>();

/** To be called with the headers of an answer. */
export function learnIdleTime({ socket, headers }: http.IncomingMessage): void {
  const keepAlive = headers['keep-alive'];
  if (keepAlive !== undefined) {
    IDLE_TIMES.set(socket, idleTimeMs(String(keepAlive)));
  }
}

/**
 * Limits how long a connection is idle.
 *
 * The agent destroys free sockets that time out, but its own timeout option also applies to sockets
 * in use, and without it the agent ignores what an origin announces. This timeout applies to idle
 * sockets only.
 */
function limitIdleTime(agent: http.Agent, keepsUsed: boolean): void {
  const keep: (socket: Duplex) => unknown = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    const idleMs = IDLE_TIMES.get(socket) ?? idleTimeMs(undefined);
    const mayBeKept = keepsUsed || UNUSED.has(socket);
    const isKept = mayBeKept && keep(socket) === true && idleMs > 0;
    if (isKept && socket instanceof Socket) {
      socket.setTimeout(idleMs);
    }
    return isKept;
  };
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request);
    UNUSED.delete(socket);
    if (socket instanceof Socket) {
      socket.setTimeout(0);
    }
  };
}
