/** OpenAPI 3.1 at `/api/json`, Swagger UI at `/api`. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';

export const openapi = fp(
  async (app, { version }: { version: string }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Killfeed',
          version,
          description: 'Takes kill events, queues them, and applies each one to PostgreSQL exactly once.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        tags: [
          { name: 'kills', description: 'Post kills, follow them, read what was applied' },
          { name: 'combat', description: 'Kills that wait for their outcome' },
          { name: 'killboard', description: 'Albion Online kill events and players' },
          { name: 'game', description: 'Heroes and enemies' },
          { name: 'health', description: 'Is it up' },
        ],
      },
    });
    await app.register(swaggerUi, { routePrefix: '/api', uiConfig: { docExpansion: 'list' } });
  },
  { name: 'openapi' },
);
