export { createKillfeedClient, type KillfeedClient, type KillfeedClientOptions, type paths } from './client.js';
