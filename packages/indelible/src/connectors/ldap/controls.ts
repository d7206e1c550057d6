/**
 * Controls that make a change depend on the version of its entry, and have the server say what it left.
 *
 * Source:  RFC 4528 (assertion), RFC 4527 (post-read).
 */
import type * as Ldapts from 'ldapts';

export const ASSERTION = '1.3.6.1.1.12';
const POST_READ = '1.3.6.1.1.13.2';
const OCTET_STRING = 0x04;

/** Refuses (result 122) when the entry has another version by the time that the server does it. */
export function assertionOf(ldapts: typeof Ldapts, attribute: string, value: string): Ldapts.Control {
  class Assertion extends ldapts.Control {
    protected override writeControl(writer: Ldapts.BerWriter): void {
      const inner = new ldapts.BerWriter();
      new ldapts.EqualityFilter({ attribute, value }).write(inner);
      writer.writeBuffer(inner.buffer, OCTET_STRING);
    }
  }
  return new Assertion(ASSERTION, { critical: true });
}

export interface PostRead {
  readonly control: Ldapts.Control;
  /** What the server answered with; null from one that has no such control. */
  left(): Ldapts.SearchEntry | null;
}

/** The entry as the change left it, read within the change. */
export function postReadOf(ldapts: typeof Ldapts, attributes: readonly string[]): PostRead {
  let left: Ldapts.SearchEntry | null = null;
  class Asked extends ldapts.Control {
    protected override writeControl(writer: Ldapts.BerWriter): void {
      const inner = new ldapts.BerWriter();
      inner.startSequence();
      inner.writeStringArray([...attributes]);
      inner.endSequence();
      writer.writeBuffer(inner.buffer, OCTET_STRING);
    }

    protected override parseControl(reader: Ldapts.BerReader): void {
      const entry = new ldapts.SearchEntry({ messageId: 0 });
      reader.readSequence();
      entry.parseMessage(reader);
      left = entry;
    }
  }
  return { control: new Asked(POST_READ), left: () => left };
}
