import { fuzz } from './fuzz.ts';
import { RUNS } from './runs.ts';

await fuzz(RUNS);
