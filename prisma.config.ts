import { defineConfig } from 'prisma/config';

// Where Prisma's own tools (`prisma migrate`, `prisma studio`) look. `pnpm db:migrate` needs neither this file nor a download.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: {
    url: process.env.DATABASE_URL_DIRECT ?? process.env.DIRECT_URL ?? process.env.DATABASE_URL ?? '',
  },
});
