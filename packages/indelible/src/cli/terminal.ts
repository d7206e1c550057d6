/**
 * Where a command's output goes.
 *
 * Standard output carries the result and nothing else: text for people, or with `--json` one JSON document (JSON Lines
 * for streams). Notices, progress and errors go to standard error, so that a pipe never sees them.
 */
import picocolors from 'picocolors';
import { readerIsGone, writeTo } from './streams.ts';

export type Colors = ReturnType<typeof picocolors.createColors>;

export interface Terminal {
  readonly json: boolean;
  /** For text on standard output; colourless when that is no terminal. */
  readonly colors: Colors;
  /** True when a person watches standard output: then it may show how work goes on. */
  readonly live: boolean;
  /** True when a person watches standard error: then there are progress bars. */
  readonly attended: boolean;
  /** True once nobody reads standard output any more: long output can stop. */
  readonly unread: boolean;
  /** Text for people; dropped with `--json`. */
  line(text?: string): Promise<void>;
  /** The one JSON document, or one line of a stream; dropped without `--json`. */
  result(value: unknown): Promise<void>;
  /** Bytes as they are, whichever mode. */
  raw(bytes: string | Uint8Array): Promise<void>;
  /** Something the person or the script ought to know; never the result. */
  notice(message: string): void;
}

export function openTerminal(json: boolean, env: NodeJS.ProcessEnv): Terminal {
  const { stdout, stderr } = process;
  const errorColors = picocolors.createColors(wantsColors(stderr, env));
  return {
    json,
    colors: picocolors.createColors(!json && wantsColors(stdout, env)),
    live: !json && stdout.isTTY === true,
    attended: !json && stderr.isTTY === true && env.TERM !== 'dumb',
    get unread() {
      return readerIsGone(stdout);
    },
    line: async (text = '') => {
      if (!json) await writeTo(stdout, `${text}\n`);
    },
    result: async (value) => {
      if (json) await writeTo(stdout, `${JSON.stringify(value)}\n`);
    },
    raw: (bytes) => writeTo(stdout, bytes),
    notice: (message) => {
      stderr.write(
        json ? `${JSON.stringify({ notice: message })}\n` : `${errorColors.yellow('note')}  ${message}\n`,
      );
    },
  };
}

/** no-color.org: NO_COLOR wins over everything; FORCE_COLOR is for pipes that end in a terminal. */
function wantsColors(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}
