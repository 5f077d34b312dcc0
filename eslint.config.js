// The rules of the house that a linter can see. Layout belongs to prettier, arrows between rooms to .dependency-cruiser.cjs.
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { builtinRules } from 'eslint/use-at-your-own-risk';

const NODE_GLOBALS = Object.fromEntries(
  [
    ...[
      'AbortController',
      'AbortSignal',
      'Buffer',
      'TextDecoder',
      'TextEncoder',
      'URL',
      'URLSearchParams',
      'console',
      'fetch',
    ],
    ...[
      'clearInterval',
      'clearTimeout',
      'crypto',
      'globalThis',
      'performance',
      'process',
      'setImmediate',
      'setInterval',
    ],
    ...['setTimeout', 'structuredClone', 'module', 'require'],
  ].map((name) => [name, 'readonly']),
);

/** Files that talk to a person: they may print. */
const PROGRAMS = [
  'src/cli.ts',
  'src/cli/**',
  'src/server.ts',
  'src/server/**',
  'src/agent.ts',
  'src/agent/**',
];

const SYNTAX = [
  {
    selector: 'TSEnumDeclaration',
    message: 'Type stripping refuses enums: write a union, or an object `as const`.',
  },
  {
    selector: 'ExportDefaultDeclaration',
    message: 'Export by name: the reader finds the same word everywhere.',
  },
  {
    selector: "ExportSpecifier[exported.name='default']",
    message: 'Export by name: the reader finds the same word everywhere.',
  },
];

const ENVIRONMENT = [
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Only config/ and the programs read the environment: take the value as a parameter.',
  },
];

/** Time, randomness and the world come into domain/ through ports. Type positions are named too: an Instant is a number. */
const AMBIENT = {
  Date: 'take a Clock; times are Instants (base/clock.ts)',
  Temporal: 'take a Clock; times are Instants (base/clock.ts)',
  Intl: 'format in base/clock.ts or at the edge',
  performance: 'take a Clock',
  process: 'take what you need as a parameter',
  globalThis: 'take what you need as a parameter',
  global: 'take what you need as a parameter',
  crypto: 'take a Random; hashing and signatures belong to x509/ and to ports',
  fetch: 'declare a port',
  console: 'take a Log, or return what is to be said',
  setTimeout: 'the scheduler waits, the domain says until when',
  setInterval: 'the scheduler waits, the domain says until when',
  setImmediate: 'the scheduler waits, the domain says until when',
};
const DOMAIN_SYNTAX = [
  { selector: "TSTypeReference[typeName.name='Date']", message: `Date: ${AMBIENT.Date}.` },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Math.random: take a Random.',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.value='random']",
    message: 'Math.random: take a Random.',
  },
  {
    selector: "VariableDeclarator[init.name='Math']",
    message: 'Math.random: take a Random, and name Math where you use it.',
  },
];

export default tseslint.config(
  { ignores: ['**/node_modules/', 'dist/', 'coverage/', 'certs-dev/', 'src/api/generated/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...SYNTAX],
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // a synchronous backend of an asynchronous port is `async` so that it rejects and never throws
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { house: { rules: { 'file-length': builtinRules.get('max-lines') } } },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'house/file-length': ['warn', { max: 300 }],
      'no-restricted-syntax': ['error', ...SYNTAX, ...ENVIRONMENT],
      'no-console': 'error',
    },
  },
  {
    files: [...PROGRAMS, 'src/config/**'],
    rules: { 'no-restricted-syntax': ['error', ...SYNTAX], 'no-console': 'off' },
  },
  { files: ['src/config/**'], rules: { 'no-console': 'error' } },
  {
    files: ['src/domain/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...Object.entries(AMBIENT).map(([name, message]) => ({ name, message })),
      ],
      'no-restricted-syntax': ['error', ...SYNTAX, ...ENVIRONMENT, ...DOMAIN_SYNTAX],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^node:',
              allowTypeImports: true,
              message: 'domain/ sees the world through ports only.',
            },
          ],
        },
      ],
    },
  },
  {
    // bodies and fixtures of tests arrive untyped; what they must be is what the test asserts
    files: ['test/**/*.ts', 'vitest*.config.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['vitest*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: NODE_GLOBALS },
  },
);
