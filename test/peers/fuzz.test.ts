// Takes minutes: that is why it is here, not because it needs anybody.
import { fuzzAcmeRequests } from '../property/acme-requests.ts';
import { fuzz } from '../property/fuzz.ts';

await fuzz(100_000);
fuzzAcmeRequests(34_000);
