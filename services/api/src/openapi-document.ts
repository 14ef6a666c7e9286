import { type AppOptions, buildApp } from './app.js';

/** The OpenAPI document of the API, without a server behind it: nothing of what the routes stand on is touched. */
export async function openapiDocument(version: string): Promise<object> {
  const app = await buildApp({ checks: { version }, combatWaitMs: 0 } as AppOptions);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
