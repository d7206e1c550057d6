/**
 * Progress of long work, on standard error, only when a person watches.
 */
import { createRequire } from 'node:module';
import type { Terminal } from './terminal.ts';
import { byteSize, count } from './units.ts';

export interface Progress {
  /** With a `total`, that is what the bar counts up to from now on. */
  update(done: number, extra?: string, total?: number): void;
  stop(): void;
}

const require = createRequire(import.meta.url);
const SILENT: Progress = { update() {}, stop() {} };

/** What a bar counts; of a share only the percentage is shown. */
export type ProgressUnit = 'records' | 'bytes' | 'share';

/** A bar up to `total`, or how much is done where that is 0: nobody knows yet. Silent where nobody watches. */
export function startProgress(
  terminal: Terminal,
  label: string,
  total: number,
  unit: ProgressUnit,
): Progress {
  if (!terminal.attended) return SILENT;
  // Its twenty files are not for those whom nobody watches.
  const { SingleBar } = require('cli-progress') as typeof import('cli-progress');
  const bar = new SingleBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
    format: (options, params, payload: { extra?: string }) => {
      const drawn = params.total > 0 ? [barOf(params, options.barsize ?? 40)] : [];
      return [label, ...drawn, amount(params, unit), payload.extra ?? ''].join(' ').trimEnd();
    },
  });
  bar.start(Math.max(0, total), 0, { extra: '' });
  return {
    update: (done, extra = '', total) => {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, { extra });
    },
    stop: () => bar.stop(),
  };
}

function barOf({ value, total }: { value: number; total: number }, width: number): string {
  const share = Math.min(1, value / total);
  const filled = Math.round(share * width);
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${Math.floor(share * 100)} %`;
}

function amount({ value, total }: { value: number; total: number }, unit: ProgressUnit): string {
  if (unit === 'share') return '';
  const [done, all] =
    unit === 'bytes' ? [byteSize(value), byteSize(total)] : [count(value), `${count(total)} records`];
  return total > 0 ? `${done} of ${all}` : done;
}
