/** Targets and probes of this host, made from what a wish says. */
import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import type { ProbeSpec, TargetSpec } from '../../api/targets.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Configuration } from '../../config/index.ts';
import { FilesTarget, type Reload } from '../../delivery/files/index.ts';
import type { ProbeWish, TargetWish } from '../../domain/renewal/managed.ts';
import type { Probe, Target } from '../../domain/renewal/ports.ts';
import { parsePlace } from '../../probe/address.ts';
import { TlsProbe } from '../../probe/tls.ts';

type Files = TargetSpec['files'];

const octal = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number.parseInt(text, 8);

/** `spec` was checked when the wish was taken. */
export function targetOf({ kind, spec }: TargetWish, { delivery }: Pick<Configuration, 'delivery'>): Target {
  if (kind !== 'files') throw unknownKind('target', kind);
  const files = spec as Files;
  const owner = { uid: files.owner, gid: files.group };
  return new FilesTarget({
    directory: files.directory,
    layout: files.layout,
    modes: {
      folder: { mode: 0o755, ...owner },
      file: { mode: octal(files.mode, 0o644), ...owner },
      secret: { mode: octal(files.keyMode, 0o600), ...owner },
    },
    password: async () =>
      files.password === undefined
        ? undefined
        : (await readFile(files.password.file, 'utf8')).replace(/\r?\n$/, ''),
    reload: files.reload && reloadOf(files.reload),
    paths: delivery.paths,
    commands: delivery.commands,
  });
}

const reloadOf = (reload: NonNullable<Files['reload']>): Reload =>
  'pidFile' in reload
    ? { kind: 'signal', pidFile: reload.pidFile, signal: reload.signal }
    : 'command' in reload
      ? { kind: 'command', name: reload.command }
      : { kind: 'systemd', unit: reload.systemd };

type Fields = Extract<ProbeSpec, { tls: unknown }>['tls'];

export function probeOf({ kind, spec }: ProbeWish): Probe {
  const fields = spec as Fields & { readonly certificate?: string; readonly key?: string };
  const place = parsePlace(fields.address);
  if (place === undefined || !['tls', 'mtls', 'postgresql'].includes(kind)) throw unknownKind('probe', kind);
  const { certificate, key } = fields;
  return new TlsProbe({
    place,
    serverName: fields.serverName,
    startTls: kind === 'postgresql' ? 'postgresql' : 'none',
    client:
      certificate === undefined || key === undefined
        ? undefined
        : () => ({ cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }),
    expect: fields.expect,
  });
}

const unknownKind = (what: string, kind: string): ChanceryError =>
  new ChanceryError('delivery_refused', {
    message: `a ${what} of the kind ${kind} is not served here`,
    rule: 'this release serves files, and probes by TLS, mTLS and PostgreSQL',
    fix: 'Change the managed certificate.',
  });
