// plot: bars with their spread, as an SVG that stands in light and dark pages.

const WIDTH = 760, LEFT = 190, RIGHT = 70, BAR = 14, GAP = 10, TOP = 56;
const COLOURS = ['#3b6fd4', '#b8860b'];
const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/**
 * groups: [{ name, bars: [{ median, min, max }] }], one bar of each series;
 * `mark`: where the line of what is compared with stands; `isLog`: by powers.
 */
export function plot({ title, note, series, groups, mark = 1, isLog = false, digits = 2 }) {
	const all = groups.flatMap((g) => g.bars.flatMap((b) => (b ? [b.min, b.max] : [])));
	const high = Math.max(mark, ...all), low = Math.min(mark, ...all) / 2;
	const share = (v) => (isLog ? Math.log(v / low) / Math.log(high / low) : v / high);
	const x = (v) => LEFT + share(v) * (WIDTH - LEFT - RIGHT);
	const out = [];
	let y = TOP;
	for (const group of groups) {
		const from = y;
		group.bars.forEach((bar, i) => {
			if (!bar)
				return;
			const middle = y + BAR / 2;
			out.push(`<rect x="${LEFT}" y="${y}" width="${(x(bar.median) - LEFT).toFixed(1)}" height="${BAR}" fill="${COLOURS[i]}"/>`,
				`<path d="M${x(bar.min).toFixed(1)} ${middle}H${x(bar.max).toFixed(1)}" stroke="#777" stroke-width="2"/>`,
				`<text x="${(x(bar.max) + 6).toFixed(1)}" y="${y + BAR - 3}">${bar.median.toFixed(digits)}</text>`);
			y += BAR + 2;
		});
		out.push(`<text x="${LEFT - 8}" y="${(from + y) / 2 + 3}" text-anchor="end">${escape(group.name)}</text>`);
		y += GAP;
	}
	const legend = series.map((name, i) => `<rect x="${LEFT + i * 220}" y="34" width="10" height="10" fill="${COLOURS[i]}"/><text x="${LEFT + i * 220 + 16}" y="43">${escape(name)}</text>`);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 24}" font-family="system-ui,sans-serif" font-size="12" role="img" aria-label="${escape(title)}">
<style>text{fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>
<text x="${LEFT}" y="20" font-size="14" font-weight="600">${escape(title)}</text>
${legend.join('')}
${out.join('\n')}
<path d="M${x(mark).toFixed(1)} ${TOP - 6}V${y}" stroke="#888" stroke-dasharray="4 3"/>
<text x="${LEFT}" y="${y + 14}" font-size="11">${escape(note)}</text>
</svg>
`;
}
