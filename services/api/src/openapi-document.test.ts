import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { openapiDocument } from './openapi-document.js';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

test('is the document that docs/openapi.json has (else: pnpm openapi)', async () => {
  const written = readFileSync(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8');
  assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(await openapiDocument(version))));
});
