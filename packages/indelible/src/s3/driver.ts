/**
 * The AWS SDK, which is optional: loaded when a place in a bucket is used.
 *
 * Errors:  DRIVER_MISSING.
 */
import { IndelibleError } from '@indelible/core';

export type Sdk = typeof import('@aws-sdk/client-s3');

export async function loadSdk(load: () => Promise<Sdk> = () => import('@aws-sdk/client-s3')): Promise<Sdk> {
  try {
    return await load();
  } catch (error) {
    throw new IndelibleError(
      'DRIVER_MISSING',
      's3: needs the package @aws-sdk/client-s3: npm install @aws-sdk/client-s3',
      { cause: error },
    );
  }
}
