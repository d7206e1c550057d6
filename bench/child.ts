/**
 * Runs one subject once and prints its measures as the last line of standard output: `child.ts SUBJECT PARAMS FOLDER`.
 */
import { type Params, peakRssBytes, type Subject } from './sample.ts';
import { SUBJECTS, type SubjectName } from './subjects.ts';

const [name, params, folder] = process.argv.slice(2);
if (name === undefined || params === undefined || folder === undefined || !(name in SUBJECTS)) {
  console.error('usage: child.ts SUBJECT PARAMS FOLDER');
  process.exit(2);
}
const subject: Subject = await SUBJECTS[name as SubjectName]();
const measures = await subject(JSON.parse(params) as Params, folder);
process.stdout.write(`${JSON.stringify({ peak_rss_bytes: peakRssBytes(), ...measures })}\n`);
