/** `chancery managed plan`: the load to come, before a change is saved. */
import type { RenewalPlan } from '../../api/renewal-plan.ts';
import { readManifest } from '../apply/manifest.ts';
import { readSources } from '../apply/sources.ts';
import type { Asking } from '../command.ts';
import { withClient } from '../connect.ts';
import { printListing } from '../output.ts';
import type { Session } from '../session.ts';

export interface PlanOptions extends Asking {
  readonly days: number;
  readonly file?: readonly string[];
}

type Lane = RenewalPlan['lanes'][number];

export async function plan(session: Session, { days, file, ...options }: PlanOptions): Promise<void> {
  const documents = file === undefined ? undefined : await readManifest(await readSources(file));
  const planned = await withClient(session, options, (client) =>
    documents === undefined
      ? client.get<RenewalPlan>('/managed-plan', { days })
      : client.post<RenewalPlan>('/managed-plan', { days, documents }),
  );
  await printListing(session.terminal, options.output, {
    resource: planned,
    rows: planned.lanes,
    columns: [
      { title: 'LANE', value: ({ lane }) => lane },
      { title: 'TOTAL', value: (lane) => String(total(lane)) },
      { title: 'MEAN/H', value: ({ meanPerHour }) => String(meanPerHour) },
      { title: 'PEAK/H', value: ({ peakPerHour }) => String(peakPerHour) },
      { title: `THE NEXT ${planned.days} DAYS`, value: ({ perDay }) => sparkline(perDay) },
    ],
    name: ({ lane }) => lane,
    empty: 'nothing is managed',
  });
}

const total = ({ perDay }: Lane): number => perDay.reduce((sum, count) => sum + count, 0);

const BARS = '▁▂▃▄▅▆▇█';
/** Wider than this no terminal shows it. */
const WIDTH = 60;

/** One bar a day, or one for several; a day without any is a dot. */
export function sparkline(perDay: readonly number[]): string {
  const step = Math.ceil(perDay.length / WIDTH);
  const bars: number[] = [];
  for (let day = 0; day < perDay.length; day += step)
    bars.push(perDay.slice(day, day + step).reduce((sum, count) => sum + count, 0));
  const highest = Math.max(...bars, 1);
  return bars
    .map((count) => (count === 0 ? '·' : (BARS[Math.ceil((count / highest) * BARS.length) - 1] ?? '█')))
    .join('');
}
