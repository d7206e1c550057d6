/**
 * AWS CloudTrail log files: `{"Records":[…]}`, plain or gzipped, as CloudTrail delivers them to S3.
 *
 * Positions are `Records[12]`; where the document around the records is broken, `byte 3456` (decompressed).
 */
import { ByteWindow } from './byte-window.ts';
import { cloudTrailEvent } from './cloudtrail-event.ts';
import type { Importer } from './contract.ts';
import { toItem } from './import-item.ts';
import { RecordSplitter } from './record-splitter.ts';

/** `import cloudtrail FILE…` */
export const cloudTrailImporter: Importer = {
  format: 'cloudtrail',
  async *read(source) {
    const window = new ByteWindow(source.bytes);
    try {
      const splitter = new RecordSplitter(window, { member: 'Records', opening: 'eventVersion' });
      for await (const found of splitter.split()) {
        if ('error' in found) yield found;
        else yield toItem(found.position, found.bytes, () => cloudTrailEvent(found.value));
      }
    } finally {
      await window.close();
    }
  },
};
