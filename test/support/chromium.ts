/**
 * The system's Chromium for tests in a real browser.
 */
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of Chromium, or null after skipping the test. Where CI is set, a missing one fails instead. */
export function chromiumOrSkip(t: TestContext): string | null {
  const wanted = process.env.INDELIBLE_CHROMIUM;
  const path = (wanted === undefined ? CANDIDATES : [wanted]).find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  const reason = `no Chromium at ${wanted ?? CANDIDATES.join(', ')}: install it, or set INDELIBLE_CHROMIUM`;
  if (process.env.CI) throw new Error(reason);
  t.skip(reason);
  return null;
}

/** A headless browser with a new, empty profile that talks to nobody but the page's own server. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
