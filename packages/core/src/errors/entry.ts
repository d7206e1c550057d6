/** What the table of errors says of each code. */
export interface ErrorEntry {
  readonly http: number;
  /** 1 tampering found, 2 the request was wrong, 3 it could not be checked or done. */
  readonly exit: 1 | 2 | 3;
  /** What the caller can do: a sentence. */
  readonly remedy: string;
}
