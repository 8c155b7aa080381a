/** What the library uses of the worker. */
export { readSettings, type WorkerSettings } from './config.ts';
export { readWorkerProxy } from './start/proxies.ts';
export { FleetWorker } from './worker.ts';
