// Takes minutes: that is why it is here, not because it needs anybody.
import { fuzz } from '../property/fuzz.ts';

await fuzz(100_000);
