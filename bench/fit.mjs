/** @file The fits against SciPy: their time, their objectives, and how the cost grows with the points.
 * Times are CPU times (of the user), medians, ours and SciPy's in turn; SciPy does a share of the starts and refits,
 * which is scaled up and said so (`--full`: all of them). The real points are those of ../shared/data, or of the folder
 * SCALING_LAB_DATA; where they or SciPy are absent, what needs them is left out with a word.
 * Usage, after npm run build: node bench/fit.mjs [--rounds 3] [--full] [--skip scipy|growth]...
 * Ends with 1 where an objective of ours is worse than SciPy's by more than a billionth.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { fitCurve, fitLaw, presetLaw } from '../dist/fit/fit.js';
import { curveByName, lawByName } from '../dist/fit/laws/registry.js';
import { makeResamples } from '../dist/fit/resample/resamples.js';
import { normal, rngStream } from '../dist/lib/rng.js';

const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';
const DATA = process.env.SCALING_LAB_DATA ?? join(import.meta.dirname, '../../shared/data');
/** How much worse than SciPy's an objective of ours may be, as a share. */
const TOLERANCE = 1e-9;
/** Starts at most that SciPy gets for a law, spread evenly over ours. */
const MAX_STARTS = 30;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    full: { type: 'boolean', default: false },
    skip: { type: 'string', multiple: true, default: [] },
  },
});
const num_rounds = Number(options.rounds);

const median = (all) => [...all].sort((x, y) => x - y)[Math.floor(all.length / 2)];
const row = (...cells) =>
  console.log(cells.map((c, i) => (i === 0 ? String(c).padEnd(44) : String(c).padStart(16))).join(''));

function timed(of) {
  const [before, wall] = [process.cpuUsage(), performance.now()];
  const value = of();
  return { value, cpu_s: process.cpuUsage(before).user / 1e6, wall_s: (performance.now() - wall) / 1e3 };
}

/** Points of a table; null, with a word, where it is absent. */
function table(name, read) {
  const file = join(DATA, name);
  if (!existsSync(file)) {
    console.log(`no ${file}: its fits are left out`);
    return null;
  }
  const [head, ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  const names = head.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return read((column) => Number(cells[names.indexOf(column)]));
  });
}

/** SciPy's process; `ask` resolves to its answer. Null, with a word, where it cannot be imported. */
function startScipy() {
  if (options.skip.includes('scipy')) return null;
  if (spawnSync(PYTHON, ['-c', 'import scipy']).status !== 0) {
    console.log(`no SciPy in ${PYTHON} (Debian: python3-scipy): ours alone`);
    return null;
  }
  const child = spawn(PYTHON, [join(import.meta.dirname, 'peers/scipy_fit.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(job) {
      child.stdin.write(`${JSON.stringify(job)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('SciPy ended without an answer');
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

const columnsOf = (points, names) =>
  Object.fromEntries([...names, 'L'].map((name) => [name, points.map((point) => point[name])]));

/** Our starting points as constants, `count` of them at most. */
function startsOf(law, points, count) {
  const mean = (of) => points.reduce((sum, p) => sum + Math.log(of(p)), 0) / points.length;
  const centre = Float64Array.from(law.inputs, (input) => mean((p) => p[input]));
  const own = law.centredAt?.(centre) ?? law;
  const all = [
    ...own.starts(
      centre,
      mean((p) => p.L),
    ),
  ].map((theta) => own.toParams(theta, centre));
  const finite = all.filter((params) => Object.values(params).every((x) => Number.isFinite(x) && x !== 0));
  const usable = finite.length >= Math.min(count, 20) ? finite : all;
  return usable.filter((_, i) => i % Math.ceil(usable.length / count) === 0);
}

const deltaOf = ({ loss = 'huber', delta }) => (loss === 'mse' ? null : loss === 'lad' ? 4.7e-9 : (delta ?? 1e-3));

let worst = Number.NEGATIVE_INFINITY;

/** One law on one set of points: our objective beside SciPy's from the same starts. */
async function compared(scipy, title, name, points, { hold = {}, ...how } = {}) {
  const is_curve = points[0].x !== undefined;
  const law = is_curve ? curveByName(name) : lawByName(name);
  const { value: fit, cpu_s } = timed(() => (is_curve ? fitCurve : fitLaw)(points, { law: name, fix: hold, ...how }));
  const kept = [...points].sort((a, b) => b.L - a.L).slice(how.drop_highest ?? 0);
  const starts = startsOf(law, kept, MAX_STARTS).map((start) => ({ ...start, ...hold }));
  const job = {
    law: name,
    points: columnsOf(kept, law.inputs),
    delta: deltaOf(is_curve ? { loss: 'mse', ...how } : how),
  };
  const peer = scipy && (await scipy.ask({ ...job, hold, starts }));
  const off = peer ? fit.objective / peer.objective - 1 : Number.NaN;
  // Objectives that are rounding on both sides are both exact.
  if (peer && fit.objective > 1e-24) worst = Math.max(worst, off);
  row(
    title,
    fit.objective.toPrecision(10),
    peer?.objective.toPrecision(10) ?? '-',
    peer ? off.toExponential(1) : '-',
    cpu_s.toFixed(2),
    peer?.cpu_s.toFixed(2) ?? '-',
  );
}

/** Points of a law with noise of 1%. */
function synthetic(count, seed, columns, loss) {
  const rng = rngStream(seed, 'bench');
  return Array.from({ length: count }, () => {
    const point = Object.fromEntries(
      Object.entries(columns).map(([name, [low, high]]) => [name, low * (high / low) ** rng()]),
    );
    const C = 6 * (point.N ?? 1) * (point.D ?? 1);
    return { N: 1, D: 1, C, ...point, L: loss(point) * Math.exp(0.01 * normal(rng)) };
  });
}

const SIZES = { N: [1e7, 1e10], D: [1e9, 1e12] };
const hoffmann = ({ N, D }) => 1.69 + 406.4 / N ** 0.34 + 410.7 / D ** 0.28;

async function objectives(scipy, epoch, muennighoff) {
  console.log('\nobjectives at the optimum, from the same starts');
  row('', 'ours', 'SciPy', 'ours/SciPy-1', 'our CPU s', "SciPy's");
  if (epoch) {
    for (const [title, how] of [
      ['Hoffmann, Huber 1e-3', {}],
      ['Hoffmann, absolute error', { loss: 'lad' }],
      ['Hoffmann, Huber 1e-4', { delta: 1e-4 }],
      ['Hoffmann, Huber 1e-2', { delta: 1e-2 }],
      ['Hoffmann, squared error', { loss: 'mse' }],
    ])
      await compared(scipy, title, 'chinchilla', epoch, { drop_highest: 5, ...how });
    await compared(scipy, 'Hoffmann, Huber 1e-3, all 245 points', 'chinchilla', epoch, {});
    await compared(scipy, 'Hoffmann, power mean', 'power_mean', epoch, { drop_highest: 5 });
    await compared(scipy, 'Hoffmann, Kaplan in N and D', 'kaplan_nd', epoch, { drop_highest: 5 });
  }
  if (muennighoff) {
    const { R_D_star: _d, R_N_star: _n, ...hold } = presetLaw('muennighoff-2023').params;
    await compared(scipy, 'Muennighoff, R_D* and R_N*', 'data_constrained', muennighoff, { hold });
    await compared(scipy, 'Muennighoff, E held', 'data_constrained', muennighoff, { hold: { E: hold.E } });
  }
  const run = (count, seed, law, columns, loss, how) =>
    compared(
      scipy,
      `${law}, synthetic${how?.loss ? `, ${how.loss}` : ''}`,
      law,
      synthetic(count, seed, columns, loss),
      how,
    );
  await run(120, 1, 'chinchilla', SIZES, hoffmann, { loss: 'mse' });
  await run(120, 2, 'chinchilla', SIZES, hoffmann);
  await run(
    120,
    3,
    'power_mean',
    SIZES,
    ({ N, D }) => 1.6 + ((300 / N ** 0.35) ** 0.7 + (900 / D ** 0.33) ** 0.7) ** (1 / 0.7),
  );
  await run(80, 4, 'kaplan_n', SIZES, ({ N }) => (8.8e13 / N) ** 0.076);
  await run(120, 5, 'kaplan_nd', SIZES, ({ N, D }) => ((6.4e13 / N) ** (0.076 / 0.103) + 1.8e13 / D) ** 0.103);
  await run(
    120,
    6,
    'kaplan_ns',
    { ...SIZES, S: [1e3, 1e6] },
    ({ N, S }) => (6.5e13 / N) ** 0.077 + (2.1e3 / S) ** 0.76,
  );
  await run(120, 7, 'over_training', SIZES, ({ N, D }) => 1.8 + 60 / (6 * N * N) ** 0.15 + 110 / (6 * D * D) ** 0.14);
  await run(60, 8, 'saturating', { x: [1e6, 1e10] }, ({ x }) => 1.7 + (3e7 / x) ** 0.3);
  await run(
    90,
    9,
    'broken_power_law',
    { x: [1e4, 1e10] },
    ({ x }) => 0.5 + 20 * x ** -0.1 * (1 + (x / 1e7) ** 3) ** -0.06,
  );
}

async function speed(scipy, epoch) {
  console.log(`\n240 points of Hoffmann's Figure 4, medians of ${num_rounds}, seconds`);
  row('', 'our CPU', 'our wall', "SciPy's CPU", 'ratio');
  const kept = [...epoch].sort((a, b) => b.L - a.L).slice(5);
  const job = { law: 'chinchilla', points: columnsOf(kept, ['N', 'D']), delta: 1e-3 };
  const share = options.full ? 1 : 45;
  const some = startsOf(lawByName('chinchilla'), kept, 4500 / share);
  const best = fitLaw(epoch, { drop_highest: 5 });
  const plain = [];
  const all = [];
  const peer = [];
  for (let round = 0; round < num_rounds; round++) {
    plain.push(timed(() => fitLaw(epoch, { drop_highest: 5 })));
    all.push(timed(() => fitLaw(epoch, { drop_highest: 5, starts: 'all' })));
    if (scipy && (round === 0 || options.full))
      peer.push(((await scipy.ask({ ...job, starts: some })).cpu_s * 4500) / some.length);
  }
  const line = (title, own, theirs) => {
    const [cpu, wall] = [median(own.map((t) => t.cpu_s)), median(own.map((t) => t.wall_s))];
    const other = theirs.length > 0 ? median(theirs) : null;
    row(title, cpu.toFixed(2), wall.toFixed(2), other?.toFixed(1) ?? '-', other ? (other / cpu).toFixed(0) : '-');
  };
  line('a fit with its diagnostics, 17 starts', plain, []);
  line(`a fit from all 4,500 starts${share > 1 ? ` (SciPy: ${some.length})` : ''}`, all, peer);

  const num_refits = options.full ? 4000 : 40;
  const resamples = makeResamples(kept, { replicates: num_refits, cluster: 'runs', seed: 0, with_left_out: false });
  const weights = Array.from({ length: num_refits }, (_, k) => Array.from(resamples.multiplicity(k)));
  const refits = scipy
    ? [((await scipy.ask({ ...job, starts: [best.params], weights })).cpu_s * 4000) / num_refits]
    : [];
  const how = { drop_highest: 5, bootstrap: 4000, cluster: 'runs', level: 0.95 };
  let first = null;
  for (const threads of [1, 2, 4]) {
    const own = Array.from({ length: num_rounds }, () => timed(() => fitLaw(epoch, { ...how, threads })));
    line(`4,000 refits, threads: ${threads}${options.full ? '' : ` (SciPy: ${num_refits})`}`, own, refits);
    const text = JSON.stringify(own[0].value);
    first ??= text;
    if (own.some(({ value }) => JSON.stringify(value) !== first))
      throw new Error(`${threads} threads: other intervals`);
  }
}

function growth() {
  console.log("\ngrowth with the points: one fit with its diagnostics, Hoffmann's law with 1% of noise");
  row('points', 'CPU s', 'us a point', 'wall s', 'MB');
  for (const count of [1e3, 1e4, 1e5, 1e6]) {
    const points = synthetic(count, 1, SIZES, hoffmann);
    const { cpu_s, wall_s } = timed(() => fitLaw(points));
    row(
      count,
      cpu_s.toFixed(2),
      ((1e6 * cpu_s) / count).toFixed(1),
      wall_s.toFixed(2),
      Math.round(process.memoryUsage().rss / 1e6),
    );
  }
}

const epoch = table('chinchilla_epoch.csv', (cell) => {
  const [N, C] = [cell('Model Size'), cell('Training FLOP')];
  return { N, C, D: C / (6 * N), L: cell('loss') };
});
const muennighoff = table('muennighoff_182.csv', (cell) => {
  const [N, D] = [cell('N'), cell('D')];
  return { N, D, U: cell('U'), C: 6 * N * D, L: cell('loss') };
});
const scipy = startScipy();
await objectives(scipy, epoch, muennighoff);
if (epoch) await speed(scipy, epoch);
scipy?.end();
if (!options.skip.includes('growth')) growth();
if (worst > TOLERANCE) {
  console.error(`\nan objective of ours is worse than SciPy's by ${worst.toExponential(2)}`);
  process.exitCode = 1;
}
