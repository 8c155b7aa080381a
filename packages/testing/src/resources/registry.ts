/** Something that a test opened and must close: a process, a server, a client. */
export interface Tracked {
  readonly what: string;
  isOpen(): boolean;
  close(): Promise<void>;
}

const tracked = new Set<Tracked>();

/** Registers a resource with the leak guard. Returns the function that removes it again. */
export function track(resource: Tracked): () => void {
  tracked.add(resource);
  return () => {
    tracked.delete(resource);
  };
}

/** Resources that are still open, oldest first. Those that were closed are forgotten. */
export function openResources(): readonly Tracked[] {
  for (const resource of tracked) {
    if (!resource.isOpen()) {
      tracked.delete(resource);
    }
  }
  return [...tracked];
}

/** Closes resources in reverse order, all of them even when some fail. */
export async function closeResources(resources: readonly Tracked[]): Promise<void> {
  const failures: unknown[] = [];
  for (const resource of resources.toReversed()) {
    try {
      await resource.close();
    } catch (error) {
      failures.push(error);
    }
    tracked.delete(resource);
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, 'Could not close everything');
  }
}
