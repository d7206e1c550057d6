/**
 * What the figures were taken on: absolute figures mean nothing without it.
 */
import { statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly node: string;
  readonly sqlite: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  /** Where the ledgers lay. */
  readonly file_system: string;
  /** Processes that wanted to run, per minute, before and after: beyond what the benchmark itself takes, noise. */
  readonly load_before: number;
  readonly load_after: number;
}

const FILE_SYSTEMS: Record<number, string> = {
  16914836: 'tmpfs',
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
};

/** `load_after` is the load now; take a second one at the end. */
export function describeMachine(folder: string): Machine {
  const load = Math.round(loadavg()[0]! * 100) / 100;
  return {
    node: process.version,
    sqlite: process.versions.sqlite ?? 'unknown',
    platform: `${process.platform} ${process.arch} ${release()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    file_system: fileSystemOf(folder),
    load_before: load,
    load_after: load,
  };
}

export function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`;
}
