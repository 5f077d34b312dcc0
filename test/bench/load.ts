/** A closed loop of requests over keep-alive connections, judged by the CPU time of the server's process tree. */
import { Agent, request } from 'node:https';
import { treeUsage } from './process-tree.ts';

export interface Target {
  readonly label: string;
  readonly pid: number;
  readonly url: URL;
  /** TLS options of the client. */
  readonly tls: object;
  /** The body of the next request. */
  readonly body: () => string;
  readonly status: number;
}

export interface Measured {
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export class Load {
  readonly target: Target;
  readonly #agents = new Map<number, Agent>();

  constructor(target: Target) {
    this.target = target;
  }

  async run(connections: number, milliseconds: number): Promise<Measured> {
    const agent = this.#agent(connections);
    const before = treeUsage(this.target.pid);
    const started = performance.now();
    const times: number[] = [];
    let failed = 0;
    const client = async (): Promise<void> => {
      while (performance.now() - started < milliseconds) {
        const begin = performance.now();
        if (await this.#ask(agent)) times.push(performance.now() - begin);
        else failed++;
      }
    };
    await Promise.all(Array.from({ length: connections }, client));
    const seconds = (performance.now() - started) / 1000;
    const after = treeUsage(this.target.pid);
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return {
      requests: times.length,
      failed,
      seconds,
      cpuSeconds: after.cpuSeconds - before.cpuSeconds,
      rssMiB: after.rssMiB,
      p50: at(0.5),
      p99: at(0.99),
    };
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #agent(connections: number): Agent {
    let agent = this.#agents.get(connections);
    if (agent === undefined) {
      agent = new Agent({ ...this.target.tls, keepAlive: true, maxSockets: connections });
      this.#agents.set(connections, agent);
    }
    return agent;
  }

  #ask(agent: Agent): Promise<boolean> {
    const { url, body, status } = this.target;
    const payload = body();
    return new Promise((resolve) => {
      const outgoing = request(
        url,
        {
          agent,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        },
        (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode === status));
        },
      );
      outgoing.on('error', () => resolve(false));
      outgoing.end(payload);
    });
  }
}
