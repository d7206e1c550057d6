/**
 * The roots to trust, from PEM.
 *
 * Errors:  ANCHOR_CONFIG.
 */
import { IndelibleError } from '@indelible/core';
import type { Asn1 } from './asn1.ts';
import { type Certificate, readCertificate } from './certificate.ts';

const PEM_LENGTH_MAX = 1024 * 1024;
const ROOTS_MAX = 500;
const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/** The last file that was read: verifying checks thousands of tokens by the same roots. */
let last: { readonly pem: string; readonly roots: readonly Certificate[] } | null = null;

export function readRoots(asn1: Asn1, pem: string): readonly Certificate[] {
  if (last?.pem !== pem) last = { pem, roots: parseRoots(asn1, pem) };
  return last.roots;
}

function parseRoots(asn1: Asn1, pem: string): Certificate[] {
  if (pem.length > PEM_LENGTH_MAX) throw invalid('the file of roots is too long');
  const blocks = Array.from(pem.matchAll(BLOCK), ([, base64 = '']) => base64);
  if (blocks.length === 0 || blocks.length > ROOTS_MAX) {
    throw invalid(`the file of roots has ${blocks.length} certificates in PEM, instead of 1 to ${ROOTS_MAX}`);
  }
  return blocks.map((base64, i) => {
    try {
      return readCertificate(asn1, new Uint8Array(Buffer.from(base64, 'base64')));
    } catch (error) {
      throw invalid(`certificate ${i + 1} of the file of roots cannot be used: ${(error as Error).message}`);
    }
  });
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('ANCHOR_CONFIG', message);
}
