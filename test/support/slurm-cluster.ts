/** @file A real Slurm for tests, from the machine's own packages: one controller and two nodes, all on this machine, with
 * a configuration, state and free ports of their own in a temporary folder. Nothing of an installed cluster is touched.
 * `scripts/slurm-tests.sh` installs the packages; where they are missing WITHOUT_SLURM says so and the tests skip.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PROGRAMS = ['slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol'];
const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];
const MISSING = PROGRAMS.filter((name) => !FOLDERS.some((folder) => existsSync(join(folder, name))));

/** Why there is no Slurm here, for the name of a test; empty where there is one. */
export const WITHOUT_SLURM = MISSING.length === 0 ? '' : `(skipped: no ${MISSING[0]}; sh scripts/slurm-tests.sh)`;

/** As its processes run it: small arrays, short waits. */
const settings = (folder: string, [ctld, ...nodes]: number[]) => `
ClusterName=labtest
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmctldPort=${ctld}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmUser=${userInfo().username}
SlurmdUser=${userInfo().username}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool-%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd-%n.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd-%n.log
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MaxArraySize=3
KillWait=10
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
NodeName=n[1-2] NodeAddr=127.0.0.1 NodeHostname=${hostname()} Port=[${nodes[0]}-${nodes[1]}] CPUs=1 State=UNKNOWN
PartitionName=long Nodes=n[1-2] Default=YES MaxTime=600 State=UP
PartitionName=brief Nodes=n[1-2] MaxTime=5 State=UP
`;

export class SlurmCluster {
  /** With what its programs must be run. */
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly #daemons = new Map<string, ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { ...process.env, SLURM_CONF: join(folder, 'slurm.conf'), PATH: FOLDERS.join(':') };
  }

  /** Starts the controller and both nodes; resolves once they are idle. */
  static async start(): Promise<SlurmCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'slurm-'));
    mkdirSync(join(folder, 'state'));
    const cluster = new SlurmCluster(folder);
    writeFileSync(cluster.env['SLURM_CONF']!, settings(folder, await freePorts()));
    await cluster.startDaemon('slurmctld');
    for (const node of ['n1', 'n2']) await cluster.startDaemon(node);
    await cluster.until(
      'idle nodes',
      () => cluster.run('sinfo', '-h', '-p', 'long', '-o', '%T %D').trim() === 'idle 2',
    );
    return cluster;
  }

  /** Starts `slurmctld`, or the slurmd of a node. */
  async startDaemon(name: string): Promise<void> {
    const [program, ...args] = name === 'slurmctld' ? ['slurmctld', '-D'] : ['slurmd', '-D', '-N', name];
    const child = spawn(program!, args, { env: this.env, stdio: 'ignore' });
    this.#daemons.set(name, child);
    await sleep(200);
    if (child.exitCode !== null) throw new Error(`${name} ended at once; ${this.log(name)}`);
  }

  /** Ends one daemon as a crash would, or asks it to leave. Its jobs' processes stay. */
  async stopDaemon(name: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#daemons.get(name)!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const end = once(child, 'exit');
    child.kill(signal);
    await end;
  }

  /** Standard output of one of Slurm's programs. */
  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, { env: this.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The tasks that are not over, as `12_3 RUNNING n1`. */
  queue(): string[] {
    return this.run('squeue', '--array', '--noheader', '--format=%i %T %N')
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Waits until `isTrue`, asking four times a second. */
  async until(what: string, isTrue: () => boolean, seconds = 90): Promise<void> {
    const deadline = Date.now() + 1000 * seconds;
    for (;;) {
      try {
        if (isTrue()) return;
      } catch {
        // A daemon that is starting does not answer.
      }
      if (Date.now() > deadline) throw new Error(`no ${what} after ${seconds} s; ${this.log('slurmctld')}`);
      await sleep(250);
    }
  }

  /** Lets tasks that Slurm put off for two minutes, as it does with those that are started again, start now. */
  hurry(): void {
    for (const line of this.queue()) {
      const [job = '', state] = line.split(' ');
      if (state === 'PENDING') this.quietly(() => this.run('scontrol', 'update', `jobid=${job}`, 'StartTime=now'));
    }
  }

  log(name: string): string {
    const file = name === 'slurmctld' ? 'slurmctld.log' : `slurmd-${name}.log`;
    const path = join(this.folder, file);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-20).join('\n') : `no ${file}`;
  }

  quietly(act: () => void): void {
    try {
      act();
    } catch {
      // What was to be done is done already, or nobody is left to do it.
    }
  }

  /** Ends all jobs. */
  cancelAll(): void {
    this.quietly(() => this.run('scancel', `--user=${userInfo().uid}`));
  }

  /** Ends jobs and daemons and removes the folder. */
  async stop(): Promise<void> {
    this.cancelAll();
    await this.until('empty queue', () => this.queue().length === 0, 20).catch(() => {});
    for (const name of this.#daemons.keys()) {
      await Promise.race([this.stopDaemon(name, 'SIGTERM'), sleep(5_000)]);
      await this.stopDaemon(name, 'SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Three free ports, the last two in a row. */
async function freePorts(): Promise<number[]> {
  for (;;) {
    const [ctld, first] = [await freePort(), await freePort()];
    if (first !== undefined && first < 65_535 && (await freePort(first + 1)) !== undefined)
      return [ctld!, first, first + 1];
  }
}

async function freePort(wanted = 0): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
