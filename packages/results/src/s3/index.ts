export { S3Store, type S3StoreOptions } from './s3-store.ts';
export { type S3Upload, S3UploadError, uploadTo } from './upload.ts';
