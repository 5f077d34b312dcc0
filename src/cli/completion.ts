/** `chancery completion bash|zsh|fish` */
import type { Command } from 'commander';
import { noun, run, type Wiring } from './command.ts';
import { print } from './terminal.ts';

const LOAD = {
  bash: 'source <(chancery completion bash)',
  zsh: 'source <(chancery completion zsh)',
  fish: 'chancery completion fish | source',
} as const;

export function addCompletion(program: Command, wiring: Wiring): void {
  const completion = noun(program, 'completion', 'Print the script that makes a shell complete commands.');
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    completion
      .command(shell)
      .description(`Print the script for ${shell}. To load it: ${LOAD[shell]}`)
      .action(
        run(wiring, async () => {
          const { SCRIPTS } = await import('./completion/scripts.ts');
          return ({ terminal }) => Promise.resolve(print(terminal, SCRIPTS[shell]));
        }),
      );
}
