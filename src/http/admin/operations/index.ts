/** Operation → handler. The type makes a route without a handler, or a handler without a route, fail to compile. */
import type { Operation } from '../../../api/routes.ts';
import { formatInstant } from '../../../base/clock.ts';
import { principalId } from '../../../domain/identity/principal.ts';
import type { Exchange, Handler, Reply } from '../exchange.ts';
import type { AdminPorts } from '../ports.ts';
import { applyOperations } from './apply.ts';
import { acmeOperations } from './acme.ts';
import { auditOperations } from './audit.ts';
import { authorityOperations } from './authority.ts';
import { crlOperations } from './crls.ts';
import { grantOperations } from './grants.ts';
import { hierarchyOperations } from './hierarchy.ts';
import { inventoryOperations } from './inventory.ts';
import { issuingOperations } from './issuing.ts';
import { loginOperations } from './logins.ts';
import { managedOperations } from './managed.ts';
import { managedPlanOperations } from './managed-plan.ts';
import { publicAuthorityOperations } from './public-authorities.ts';
import { revocationOperations } from './revocations.ts';
import { tokenOperations } from './tokens.ts';

export type Handlers = { readonly [O in Operation]: Handler };

export const HANDLERS = (ports: AdminPorts): Handlers => ({
  ...issuingOperations(ports),
  ...inventoryOperations(ports),
  ...authorityOperations(ports),
  ...hierarchyOperations(ports),
  ...crlOperations(ports),
  ...managedOperations(ports),
  ...managedPlanOperations(ports),
  ...applyOperations(ports),
  ...publicAuthorityOperations(ports),
  ...grantOperations(ports),
  ...revocationOperations(ports),
  ...tokenOperations(ports),
  ...acmeOperations(ports),
  ...loginOperations(ports),
  ...auditOperations(ports),
  showServer: ({ principal }: Exchange): Reply => {
    const now = ports.clock.now();
    const expiry = ports.inventory.firstExpiry(now);
    return {
      body: {
        version: ports.version,
        trustDomain: ports.trustDomain,
        principal: principalId(principal),
        startedAt: formatInstant(ports.startedAt),
        statusUrl: new URL('.', ports.issuance.urls.ocsp).href,
        certificates: ports.inventory.count(),
        ...(expiry === undefined ? {} : { headroomSeconds: Math.max(0, Math.floor((expiry - now) / 1000)) }),
      },
    };
  },
});
