import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { filterLookup, refuseAddress } from './address-filter.ts';
import { readAnswersOf } from './answer-reader.ts';
import { limitConnectTime } from './connect-timeout.ts';
import { type ConnectOptions, IDLE_CONNECTION_MS } from './transport.ts';

/** Bytes that the connection of a request had received when it was reused. */
const receivedBefore = new WeakMap<http.ClientRequest, number>();

/** Whether a request was sent on a kept-alive connection and has received no byte of an answer. */
export function isUnansweredReuse(request: http.ClientRequest | undefined): boolean {
  return request?.socket != null && receivedBefore.get(request) === request.socket.bytesRead;
}

/** Keep-alive agents of `node:http` and `node:https` with the address filter. */
export function createAgents(options: ConnectOptions): {
  readonly http: http.Agent;
  readonly https: https.Agent;
} {
  const pool: http.AgentOptions = {
    keepAlive: true,
    maxSockets: options.maxConnectionsPerOrigin,
    // A lower number would close the connections of a burst, only to open them again.
    maxFreeSockets: options.maxConnectionsPerOrigin,
  };
  const agents = { http: new http.Agent(pool), https: new https.Agent(pool) };
  for (const agent of [agents.http, agents.https]) {
    filterConnections(agent, options);
    limitIdleTime(agent);
  }
  return agents;
}

function filterConnections(agent: http.Agent, options: ConnectOptions): void {
  const connect = agent.createConnection.bind(agent);
  const lookup = filterLookup(options.lookup, options.policy);
  agent.createConnection = (args, created) => {
    const host = args.host ?? args.hostname ?? 'localhost';
    const refusal = refuseAddress(host, options.policy);
    if (refusal) {
      // The request reports the error of a destroyed socket like any connection error.
      const socket = new Socket();
      socket.destroy(refusal);
      return socket;
    }
    const socket = connect({ ...args, lookup }, created);
    if (socket instanceof Socket) {
      readAnswersOf(socket);
    }
    if (socket) {
      limitConnectTime(socket, host, options.connectTimeoutMs);
    }
    return socket;
  };
}

/**
 * Limits how long a connection is idle, and records when it is reused.
 *
 * The agent destroys free sockets that time out, but its own timeout option also applies to sockets
 * in use. This timeout applies to idle sockets only. A shorter time that the origin announced
 * stays.
 */
function limitIdleTime(agent: http.Agent): void {
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
