// Which room may know which: base ← x509 ← domain ← edges ← programs. `npm run arrows` holds src/ against it.

/** Rooms that touch the world. Each is an island; what they share is decided in domain/. */
const EDGES =
  'http|grpc|keys|db|validation|attestation|acme-client|delivery|probe|scheduler|events|telemetry|journal|publication';
/** A client of one protocol that several edges speak, below them. */
const CLIENTS = 's3';
/** Edges with several ways of doing one thing, a folder each. */
const BACKENDS = 'http|grpc|keys|db|attestation|delivery';
/** The files that wire rooms together, and the folders that belong to them. */
const PROGRAMS = '^src/(server|agent|cli)(/|[.]ts$)';
const DOMAIN = 'identity|audit|path|issuance|acme|revocation|renewal';

const forbidden = [];
const refuse = (name, comment, from, to) => forbidden.push({ name, comment, severity: 'error', from, to });
/** Packages that one room wraps for all others. */
const owns = (room, name, packages) =>
  refuse(
    name,
    'One room wraps it for all others.',
    { path: '^src/', pathNot: `^src/${room}` },
    { path: `node_modules/(${packages})` },
  );

refuse(
  'known-rooms',
  'A new room needs its arrows first, in .dependency-cruiser.cjs.',
  { path: '^src/', pathNot: [PROGRAMS, `^src/(base|x509|domain|config|api|sdk|ui|${CLIENTS}|${EDGES})/`] },
  {},
);
refuse(
  'known-domain-rooms',
  'A new room needs its arrows first, in .dependency-cruiser.cjs.',
  { path: '^src/domain/', pathNot: `^src/domain/(${DOMAIN})/` },
  {},
);

// the rings
refuse(
  'base-is-the-floor',
  'base/ knows nothing but itself.',
  { path: '^src/base/' },
  { pathNot: '^src/base/' },
);
refuse(
  'x509-is-a-codec',
  'x509/ turns bytes into values; it decides nothing and touches nothing.',
  { path: '^src/x509/' },
  { path: '^src/', pathNot: '^src/(x509|base)/' },
);
refuse(
  'x509-does-no-io',
  'Of Node, x509/ needs cryptography only.',
  { path: '^src/x509/' },
  { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer)$' },
);
refuse(
  'domain-is-pure',
  'domain/ decides; the world comes in through its ports.',
  { path: '^src/domain/' },
  { pathNot: '^src/(domain|x509|base)/', dependencyTypesNot: ['core'] },
);
refuse(
  'domain-does-no-io',
  'domain/ may name types of Node, not call it.',
  { path: '^src/domain/' },
  { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
);
refuse(
  'config-parses-only',
  'config/ turns files into values.',
  { path: '^src/config/' },
  { path: '^src/', pathNot: '^src/(config|base|x509|domain)/' },
);
refuse(
  'api-is-types',
  'api/ says what goes over the wire.',
  { path: '^src/api/' },
  { path: '^src/', pathNot: '^src/(api|base)/' },
);
refuse(
  'edges-are-islands',
  'What two edges share is a port of domain/, wired by a program.',
  { path: `^src/(${EDGES})/` },
  { path: '^src/', pathNot: `^src/($1|domain|x509|base|api|config|${CLIENTS})/` },
);
refuse(
  'clients-are-below',
  'A client of a protocol knows nothing of what is said with it, and decides nothing.',
  { path: `^src/(${CLIENTS})/` },
  { path: '^src/', pathNot: '^src/($1|base)/' },
);
refuse(
  'only-stores-speak-s3',
  'Journal and publication keep things in buckets; programs wire them.',
  { path: '^src/', pathNot: [PROGRAMS, '^src/(s3|journal|publication)/'] },
  { path: '^src/s3/' },
);
refuse(
  'backends-are-islands',
  'Backends of one edge do not know each other.',
  { path: `^src/(${BACKENDS})/([^/]+)/` },
  { path: '^src/$1/[^/]+/', pathNot: '^src/$1/$2/' },
);
refuse(
  'sdk-stands-alone',
  'A service that imports the SDK gets nothing of the server.',
  { path: '^src/sdk/' },
  { path: '^src/', pathNot: '^src/sdk/' },
);
refuse(
  'ui-sees-only-the-api',
  'The dashboard runs in a browser.',
  { path: '^src/ui/' },
  { path: '^src/', pathNot: '^src/(ui|api)/' },
);

// the rooms of the domain
refuse(
  'identity-and-audit-are-below',
  'Who asks and what is written down know no pipeline.',
  { path: '^src/domain/(identity|audit)/' },
  { path: '^src/domain/', pathNot: '^src/domain/(identity|audit)/' },
);
refuse(
  'path-knows-identity',
  'Validating a path needs names, not issuance.',
  { path: '^src/domain/path/' },
  { path: '^src/domain/', pathNot: '^src/domain/(path|identity)/' },
);
refuse(
  'issuance-is-below',
  'Doors know the pipeline; it knows no door.',
  { path: '^src/domain/issuance/' },
  { path: '^src/domain/(acme|revocation|renewal)/' },
);
refuse(
  'doors-are-siblings',
  'What two of them share belongs below.',
  { path: '^src/domain/(acme|revocation|renewal)/' },
  { path: '^src/domain/(acme|revocation|renewal)/', pathNot: '^src/domain/$1/' },
);

// the programs
refuse(
  'only-programs-wire',
  'Nobody below knows the programs.',
  { path: '^src/', pathNot: PROGRAMS },
  { path: PROGRAMS },
);
refuse(
  'server-knows-no-client',
  'The server and the agent run without the command line.',
  { path: '^src/(server|agent)(/|[.]ts$)' },
  { path: '^src/cli(/|[.]ts$)' },
);
refuse(
  'verbs-use-the-api',
  'A verb talks to the server; offline it may read, decide and load settings.',
  { path: '^src/cli/' },
  { path: '^src/', pathNot: '^src/(cli|base|x509|domain|config|api)/' },
);
refuse(
  'src-stands-alone',
  'What is shipped imports nothing that is not.',
  { path: '^src/' },
  { path: '^(test|scripts|examples)/' },
);

// packages
owns('x509/', 'x509-owns-asn1', '@peculiar/|pkijs/|node-forge/|asn1|reflect-metadata/');
owns('http/', 'http-owns-express', 'express/|helmet/');
owns('db/', 'db-owns-sqlite', 'better-sqlite3/');
owns('acme-client/', 'acme-client-owns-its-package', 'acme-client/');
owns('cli(/|[.]ts$)', 'cli-owns-commander', 'commander/');
refuse(
  'declared-packages',
  'package.json names what the shipped code imports, as a dependency.',
  { path: '^src/' },
  { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
);

// the graph
refuse('no-cycle', 'Two files that need each other are one thing or three.', {}, { circular: true });
refuse('resolvable', 'The import leads nowhere.', {}, { couldNotResolve: true });
refuse(
  'no-orphan',
  'Nothing leads here and it leads nowhere.',
  { orphan: true, path: '^src/', pathNot: [PROGRAMS, '[.]d[.]ts$'] },
  {},
);
refuse(
  'reachable',
  'No program uses it: wire it or delete it.',
  { path: '^src/(server|agent|cli)[.]ts$' },
  {
    path: '^src/',
    pathNot: ['^src/(server|agent|cli)[.]ts$', '[.]d[.]ts$', '^src/(sdk|ui)/'],
    reachable: false,
  },
);

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true, // `import type` is an arrow too
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
