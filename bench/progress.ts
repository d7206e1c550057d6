/**
 * One line on standard error that says what is being measured.
 */
export interface Progress {
  show(message: string): void;
  /** A line that stays. */
  note(message: string): void;
  end(): void;
}

export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const attended = stream.isTTY === true;
  const clear = (): void => {
    if (attended) stream.write('\r\x1b[K');
  };
  return {
    show(message) {
      clear();
      stream.write(attended ? message.slice(0, Math.max(20, (stream.columns ?? 80) - 1)) : `${message}\n`);
    },
    note(message) {
      clear();
      stream.write(`${message}\n`);
    },
    end: clear,
  };
}
