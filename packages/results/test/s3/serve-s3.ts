// A small S3 that keeps its objects in a folder: `serve-s3.ts FOLDER PORT`.
import { startS3 } from '@fetchfleet/testing';

const [folder = '', port = '0'] = process.argv.slice(2);
const { url } = await startS3({ folder, port: Number(port) });
process.stdout.write(`listens at ${url}\n`);
