/** Imports point down, nothing points up, no circles. The floors, from the top: see ARCHITECTURE.md. */
const FLOORS = [
  ['packages/lab'],
  ['packages/stack'],
  ['services/[^/]+', 'packages/client'],
  ['packages/db', 'packages/queue'],
  ['packages/domain', 'packages/observability', 'packages/config', 'packages/embedded'],
];

const path = (folders) => `^(${folders.join('|')})/(src|dist)/`;

// From a floor: neither the floors above, nor a neighbour on the same floor.
const floorRules = FLOORS.flatMap((floor, index) =>
  floor.map((folder) => ({
    name: `down-only: ${folder}`,
    severity: 'error',
    from: { path: `^(${folder})/src/`, pathNot: '(\\.test|test-support)\\.ts$' },
    to: { path: path(FLOORS.slice(0, index + 1).flat()), pathNot: `^$1/` },
  })),
);

module.exports = {
  forbidden: [
    ...floorRules,
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-is-alone',
      comment: 'The rules know no driver, no framework, and nothing else of ours.',
      severity: 'error',
      from: { path: '^packages/domain/src/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^packages/domain/src/' },
    },
    {
      name: 'liftable',
      comment: 'The pool, errors and the like know nothing of kills: they can be lifted into another service.',
      severity: 'error',
      from: { path: '^packages/db/src/(pool/|errors|transaction|database)' },
      to: { path: '^packages/(domain|db/src/(combat|killboard|ledger|audit|seed|settled|dead-letters))' },
    },
  ],
  options: {
    includeOnly: '^(packages|services)/',
    exclude: 'node_modules/(?!@killfeed)|/generated/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
