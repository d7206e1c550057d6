/**
 * Which process holds a lease, and whether it is still there.
 *
 * Where the kernel says which boot and which namespace a process id belongs to, a process that is gone is known to be
 * gone, and what it left is taken over at once. Everywhere else its lease must run out first.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** A name for this process: `<machine>:<pid>:<start>:<random>`. */
export function holderOfThisProcess(): string {
  return `${machine() ?? 'unknown'}:${process.pid}:${startOf(process.pid) ?? '0'}:${randomUUID()}`;
}

/** False only when the process that took the lease has certainly ended. */
export function mayBeAlive(holder: string): boolean {
  const [where, pid = '', start] = holder.split(':');
  const here = machine();
  if (here === null || where !== here || !/^\d{1,10}$/.test(pid)) return true;
  return startOf(Number(pid)) === start;
}

/** The boot and the process namespace; null where the kernel does not tell. */
function machine(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0];
    return namespace === undefined ? null : `${boot}.${namespace}`;
  } catch {
    return null;
  }
}

/** When a process started, in ticks since boot: tells it from a later one with its id. Null when there is none. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie does nothing any more.
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
