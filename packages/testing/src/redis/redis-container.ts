import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { onParentDeath } from '../resources/watchdog.ts';

const IMAGE = 'redis:7.2-bookworm';
const PORT = 6379;
/** A container engine that does not answer within this time counts as absent. */
const ENGINE_DEADLINE_MS = 2_000;
/** The image may have to be pulled. */
const START_DEADLINE_MS = 60_000;

export interface RedisInContainer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts Redis in a container; `undefined` where no container engine answers. */
export async function startRedisContainer(
  env: NodeJS.ProcessEnv,
): Promise<RedisInContainer | undefined> {
  // Ryuk removes containers of killed runs, but is one more image to pull: the watchdog does it.
  env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
  if (!(await engineAnswers())) {
    return undefined;
  }
  const container = await new GenericContainer(IMAGE)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no'])
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .withStartupTimeout(START_DEADLINE_MS)
    .start();
  const callOff = onParentDeath('exec "$1" --input-type=module -e "$2"', [
    process.execPath,
    removal(container.getId()),
  ]);
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(PORT)}`,
    stop: async () => {
      callOff();
      await container.stop({ timeout: 0 });
    },
  };
}

async function engineAnswers(): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ENGINE_DEADLINE_MS);
  });
  const answer = getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
  const answers = await Promise.race([answer, tooLate]);
  clearTimeout(timer);
  return answers;
}

/** Source of a program that removes the container after this process was killed. */
function removal(id: string): string {
  const library = JSON.stringify(import.meta.resolve('testcontainers'));
  return `
    const { getContainerRuntimeClient } = await import(${library});
    const { container } = await getContainerRuntimeClient();
    await container.getById(${JSON.stringify(id)}).remove({ force: true, v: true });
  `;
}
