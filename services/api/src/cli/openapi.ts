/** `pnpm openapi`: writes docs/openapi.json, which the typed client is generated from. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openapiDocument } from '../openapi-document.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
const file = join(import.meta.dirname, '../../../../docs/openapi.json');
writeFileSync(file, `${JSON.stringify(await openapiDocument(version), null, 2)}\n`);
console.log('docs/openapi.json written');
