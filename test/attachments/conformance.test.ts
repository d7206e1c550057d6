/** Every store of attachments satisfies the one suite. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runAttachmentConformance } from '../../packages/indelible/src/attachments/conformance.ts';
import { openFolderAttachments } from '../../packages/indelible/src/attachments/folder.ts';
import { openMemoryAttachments } from '../../packages/indelible/src/attachments/memory.ts';

runAttachmentConformance(test, 'memory', async () => ({
  lasting: false,
  open: async (options = {}) => openMemoryAttachments(options),
  remove: async () => {},
}));

runAttachmentConformance(test, 'folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-attachments-'));
  return {
    lasting: true,
    open: async (options = {}) => openFolderAttachments({ path: join(folder, 'attachments'), ...options }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
});
