/** Of a built worker: what its sink runs in a thread. */
// oxlint-disable-next-line import/no-unassigned-import -- it runs by itself
import '@fetchfleet/results/sink-thread';
