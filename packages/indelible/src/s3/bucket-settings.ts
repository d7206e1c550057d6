/**
 * How a bucket was made: whether it keeps versions, and what it promises about locks.
 *
 * Errors:  those of faults.ts.
 */
import type { Server } from './client.ts';
import { nameOf, s3Fault, statusOf } from './faults.ts';
import type { BucketLock } from './lock.ts';

/** Without the right to know, as if there were some: listing versions works either way. */
export async function isVersioned(server: Server, name: string): Promise<boolean> {
  const command = new server.sdk.GetBucketVersioningCommand({ Bucket: name });
  try {
    const { Status } = await server.run((client, how) => client.send(command, how));
    // A bucket whose versioning was suspended still has the versions from before.
    return Status === 'Enabled' || Status === 'Suspended';
  } catch (error) {
    if (statusOf(error) === 403 && nameOf(error) === 'AccessDenied') return true;
    if (nameOf(error) === 'NotImplemented' || statusOf(error) === 501) return false;
    throw s3Fault(error, `s3://${name}`, 'asking whether the bucket keeps versions');
  }
}

export async function objectLockOf(server: Server, name: string): Promise<BucketLock> {
  const command = new server.sdk.GetObjectLockConfigurationCommand({ Bucket: name });
  try {
    const answer = await server.run((client, how) => client.send(command, how));
    const { ObjectLockEnabled, Rule } = answer.ObjectLockConfiguration ?? {};
    const { Mode, Days, Years } = Rule?.DefaultRetention ?? {};
    const days = Days ?? (Years === undefined ? undefined : Years * 365);
    return {
      enabled: ObjectLockEnabled === 'Enabled',
      rule: Mode === undefined || days === undefined ? null : { mode: Mode, days },
    };
  } catch (error) {
    const none = ['ObjectLockConfigurationNotFoundError', 'NotImplemented'].includes(nameOf(error));
    if (none || statusOf(error) === 501) return { enabled: false, rule: null };
    throw s3Fault(error, `s3://${name}`, 'asking about Object Lock');
  }
}
