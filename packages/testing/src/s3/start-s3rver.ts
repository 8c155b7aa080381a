import { createRequire } from 'node:module';
import { track } from '../resources/registry.ts';
import { temporaryFolder } from '../resources/temporary-folder.ts';

/** A server that others wrote. It knows no conditions. */
export interface S3rverServer {
  /** What a client needs to find it and its only bucket, `fleet`. */
  readonly env: Readonly<Record<string, string>>;
  dispose(): Promise<void>;
}

type S3rverClass = new (options: {
  readonly address: string;
  readonly port: number;
  readonly directory: string;
  readonly silent: boolean;
  readonly configureBuckets: readonly { readonly name: string }[];
}) => { run(): Promise<{ readonly port: number }>; close(): Promise<void> };

export async function startS3rver(): Promise<S3rverServer> {
  // It comes without types, and takes a second to load.
  const require = createRequire(import.meta.url);
  const S3rver = require('s3rver') as S3rverClass;
  const folder = await temporaryFolder('s3rver');
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    directory: folder.path,
    silent: true,
    configureBuckets: [{ name: 'fleet' }],
  });
  const { port } = await server.run();
  let isOpen = true;
  const dispose = async (): Promise<void> => {
    isOpen = false;
    await server.close();
    await folder.remove();
  };
  track({ what: `s3rver on port ${port}`, isOpen: () => isOpen, close: dispose });
  return {
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: 'S3RVER',
      AWS_SECRET_ACCESS_KEY: 'S3RVER',
      AWS_REGION: 'us-east-1',
    },
    dispose,
  };
}
