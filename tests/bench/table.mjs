// table: what run.mjs kept, as Markdown for a README.
//
//	node table.mjs build/tests/bench/bench.json
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const table = (head, rows) => [head, head.map((_, i) => (i ? '---:' : '---')), ...rows].map((r) => `| ${r.join(' | ')} |`).join('\n');
const of = (figure, digits) => figure.median.toFixed(digits);
const spread = (figure, digits = 2) => `${of(figure, digits)} (${figure.min.toFixed(digits)}-${figure.max.toFixed(digits)})`;

/** What run.mjs kept as bench.json. */
export function tables({ machine, rounds, seconds, stolen, rows, rates, idle, base, overBase, peers }) {
	const out = [`${machine.date.slice(0, 10)}, commit ${machine.commit}, ${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}: ` +
		`medians of ${rounds} rounds of ${seconds} s (least-most); the host took ${(100 * stolen).toFixed(1)}% of the machine meanwhile.`];
	const over = (name) => {
		const xs = [...overBase[name] ?? []].sort((a, b) => a - b);
		return xs.length ? `${xs[xs.length >> 1].toFixed(2)} (${xs[0].toFixed(2)}-${xs.at(-1).toFixed(2)})` : '';
	};
	out.push(table(['job, connections', 'requests/s', 'over bare', 'CPU over bare', ...(base ? [`CPU over ${base}`] : []), 'p50 ms', 'p99 ms'],
		rows.filter((r) => !r.name.includes(' (base) ')).map((r) => [r.name, of(r.rps, 0), spread(r.ratio), spread(r.cpu), ...(base ? [over(r.name)] : []), of(r.p50, 2), of(r.p99, 2)])));
	if (rates.length)
		out.push(table(['at half of that, a fixed rate', 'requests/s', 'p50 ms', 'p99 ms', 'longest ms'],
			rates.map((r) => [r.job, r.rate, r.p50, r.p99, r.max])));
	out.push(table(['idle', 'MB resident', 'of them its own'], Object.entries(idle).map(([name, m]) => [name, m.rss.toFixed(1), m.own.toFixed(1)])));
	for (const [what, isAuth] of [['a whole sign-in', false], ['a page behind nginx\'s auth_request', true]]) {
		const own = peers.rows.filter((r) => (r.key === 'auth') === isAuth);
		if (own.length)
			out.push(table([`${what}, connections`, 'a second', 'usher does times as many', 'CPU over usher\'s'],
				own.map((r) => [`${r.name}, ${r.conns}`, of(r.rate, 0), spread(r.ratio), spread(r.cpu)])));
	}
	return `${out.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	process.stdout.write(tables(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))));
