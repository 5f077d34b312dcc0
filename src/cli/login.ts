/** `chancery login`: a certificate of one's own, for who one is at a login provider. */
import type { Command } from 'commander';
import { duration, naming, printing, reaching, run, type Wiring } from './command.ts';

export function addLogin(program: Command, wiring: Wiring): void {
  printing(
    reaching(
      naming(
        program
          .command('login')
          .description(
            'Log in at a login provider (OIDC), get a client certificate, and keep it as the login of a context.',
          )
          .option('--provider <name>', 'which login provider; left out: the only one'),
        'name in your certificate; left out: your e-mail address, if the provider vouches for it',
      )
        .option('--profile <name>', 'what kind of certificate', 'client')
        .option('--issuer <name>', 'left out: the only issuer with this profile')
        .option('--ttl <duration>', "lifetime, e.g. 8h; left out: the profile's default", duration)
        .option('--no-browser', 'show an address and a code instead of opening a browser')
        .option('--timeout <duration>', 'how long to wait for you', duration, '5m')
        .option(
          '--save-as <name>',
          'context to keep it in; left out: that of --context, or the trust domain',
        ),
    ),
  ).action(run(wiring, async () => (await import('./login/login.ts')).login));
}
