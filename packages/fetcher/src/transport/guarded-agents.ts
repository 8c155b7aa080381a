import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { guardLookup, refuseLiteral } from './address-guard.ts';
import { IDLE_CONNECTION_MS, type ConnectOptions } from './transport.ts';
import { watchConnect } from './watch-connect.ts';

/** Bytes the connection of a request had received when it was used again. */
const receivedBefore = new WeakMap<http.ClientRequest, number>();

/** Whether a request went out on a kept-alive connection and has not seen a byte of an answer. */
export function isUnansweredReuse(request: http.ClientRequest | undefined): boolean {
  return request?.socket != null && receivedBefore.get(request) === request.socket.bytesRead;
}

/** Keep-alive agents of `node:http` and `node:https` whose connections pass the address guard. */
export function createGuardedAgents(options: ConnectOptions): {
  readonly http: http.Agent;
  readonly https: https.Agent;
} {
  const pool: http.AgentOptions = {
    keepAlive: true,
    maxSockets: options.maxConnectionsPerOrigin,
    // With fewer, a burst would close connections as they fall idle, only to open them again.
    maxFreeSockets: options.maxConnectionsPerOrigin,
  };
  const agents = { http: new http.Agent(pool), https: new https.Agent(pool) };
  for (const agent of [agents.http, agents.https]) {
    guardConnections(agent, options);
    watchIdleConnections(agent);
  }
  return agents;
}

function guardConnections(agent: http.Agent, options: ConnectOptions): void {
  const connect = agent.createConnection.bind(agent);
  const lookup = guardLookup(options.lookup, options.policy);
  agent.createConnection = (args, created) => {
    const host = args.host ?? args.hostname ?? 'localhost';
    const refusal = refuseLiteral(host, options.policy);
    if (refusal) {
      // A socket that has failed already: the request hears of it as of any error of a connection.
      const socket = new Socket();
      socket.destroy(refusal);
      return socket;
    }
    const socket = connect({ ...args, lookup }, created);
    if (socket) {
      watchConnect(socket, host, options.connectTimeoutMs);
    }
    return socket;
  };
}

/**
 * Bounds how long a connection is idle, and notes when it is used again.
 *
 * The agent destroys free sockets that time out, but only its option for the whole socket sets that
 * time; here it holds while a socket is idle. A shorter time that the origin announced stays.
 */
function watchIdleConnections(agent: http.Agent): void {
  const keep: (socket: Duplex) => unknown = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    const isKept = keep(socket) === true;
    if (isKept && socket instanceof Socket) {
      socket.setTimeout(Math.min(socket.timeout || IDLE_CONNECTION_MS, IDLE_CONNECTION_MS));
    }
    return isKept;
  };
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request);
    if (socket instanceof Socket) {
      socket.setTimeout(0);
      receivedBefore.set(request, socket.bytesRead);
    }
  };
}
