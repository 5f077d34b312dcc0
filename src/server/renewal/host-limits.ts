/** What this host lets targets do is said when a wish is taken, not only when it is delivered: who wrote it is there to read it. */
import type { TargetSpec } from '../../api/targets.ts';
import { ChanceryError } from '../../base/errors.ts';
import type { Configuration } from '../../config/index.ts';
import { isBelow } from '../../delivery/files/folder.ts';
import type { Wish } from '../../domain/renewal/managed.ts';

interface Fault {
  readonly field: string;
  readonly message: string;
}

/** Throws `invalid_request` with every field that the `delivery` section of this host has no room for. */
export function refuseBeyondHost(
  { targets }: Pick<Wish, 'targets'>,
  { paths, commands }: Configuration['delivery'],
): void {
  const errors = targets.flatMap(({ spec }, i): Fault[] => {
    const { directory, reload } = spec as TargetSpec['files'];
    const at = `targets.${i}.files`;
    const command =
      reload === undefined || 'pidFile' in reload
        ? undefined
        : 'command' in reload
          ? { field: `${at}.reload.command`, name: reload.command }
          : { field: `${at}.reload.systemd`, name: 'systemctl' };
    return [
      ...(isBelow(directory, paths)
        ? []
        : [
            {
              field: `${at}.directory`,
              message: `${directory} is not in or below a folder of delivery.paths`,
            },
          ]),
      ...(command === undefined || commands.has(command.name)
        ? []
        : [{ field: command.field, message: `${command.name} is not among delivery.commands` }]),
    ];
  });
  if (errors.length === 0) return;
  throw new ChanceryError('invalid_request', {
    message: errors.map(({ field, message }) => `${field}: ${message}`).join('; '),
    rule: 'a target reaches what the configuration of its host lists',
    fix: 'Change the target, or `delivery` in the configuration of the server, and restart it.',
    errors,
  });
}
