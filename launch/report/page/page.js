// What stands on the page, from the data the program put beside it.

const data = JSON.parse(document.getElementById('data').textContent);

function section(id, title) {
  const box = put(document.getElementById('sections'), 'section', { id });
  put(box, 'h2', {}, title);
  put(document.getElementById('contents'), 'a', { href: '#' + id }, title);
  return box;
}

function tiles(parent, entries) {
  const box = put(parent, 'div', { class: 'tiles' });
  for (const [value, name, note] of entries) {
    const tile = put(box, 'div', { class: 'tile' });
    put(tile, 'b', {}, value);
    put(tile, 'span', {}, name);
    if (note) put(tile, 'div', { class: 'quiet' }, note);
  }
}

// columns: [{name, number, long, bar, show}]; cells are text or numbers, shown by the column's `show`.
function table(parent, columns, rows, { search = '', sorted = null } = {}) {
  const filter = search ? put(parent, 'input', { type: 'search', placeholder: search, 'aria-label': search }) : null;
  const box = put(parent, 'div', { class: 'scroll', tabindex: 0 });
  const frame = put(box, 'table');
  const head = put(put(frame, 'thead'), 'tr');
  const body = put(frame, 'tbody');
  const heads = columns.map((column, c) => {
    const cell = put(head, 'th', { class: (column.number ? 'number' : '') + (column.long ? ' long' : ''), scope: 'col' });
    put(cell, 'button', { type: 'button' }, column.name).addEventListener('click', () => sort(c));
    return cell;
  });
  const drawn = rows.map(row => ({ row, line: tableRow(columns, row) }));
  let order = { column: -1, down: false };
  function sort(c) {
    order = { column: c, down: order.column === c ? !order.down : false };
    const sign = order.down ? -1 : 1;
    drawn.sort((a, b) => sign * compare(a.row[c], b.row[c]));
    heads.forEach((cell, i) => cell.setAttribute('aria-sort', i !== c ? 'none' : order.down ? 'descending' : 'ascending'));
    body.replaceChildren(...drawn.map(d => d.line));
  }
  body.append(...drawn.map(d => d.line));
  if (sorted !== null) sort(sorted);
  if (filter) filter.addEventListener('input', () => {
    const word = filter.value.toLowerCase();
    for (const { row, line } of drawn) line.hidden = !row.some(cell => String(cell).toLowerCase().includes(word));
  });
}

const isNumber = value => value === null || typeof value === 'number';  // null: not known, below all others
const compare = (a, b) => (isNumber(a) && isNumber(b) ? (a ?? -Infinity) - (b ?? -Infinity) || 0 : String(a).localeCompare(String(b)));

function tableRow(columns, row) {
  const line = put(null, 'tr');
  columns.forEach((column, c) => {
    const cell = put(line, 'td', { class: column.number ? 'number' : column.long ? 'long' : '' }, (column.show || String)(row[c]));
    if (column.bar) put(put(cell, 'span', { class: 'bar' }), 'i', { style: `width:${Math.max(0, Math.min(100, row[c]))}%` });
  });
  return line;
}

const WORDS = [{ name: 'what' }, { name: 'value', long: true }];

// The scores that the labels allow.
const SCORES = {
  one: report => {
    const half = 196 * Math.sqrt(report.top1 / 100 * (1 - report.top1 / 100) / Math.max(1, report.samples));
    return [
      [percent(report.top1), 'top-1', `± ${half.toFixed(2)} by the size of the list (95 %)`],
      [percent(report.top5), 'top-5'],
      [percent(report.mean_class_accuracy), 'mean over classes'],
    ];
  },
  several: report => [[percent(report.mean_average_precision), 'mean average precision', 'samples of several classes']],
  none: () => [],
};

function scoreTiles(parent, report) {
  const samples = report.labelling === 'none' ? 'without labels: predictions only' : `${report.per_class.length} classes`;
  tiles(parent, [
    ...SCORES[report.labelling](report),
    [report.samples, 'samples', samples],
    [report.unreadable, 'unreadable'],
    [report.views, report.views === 1 ? 'view' : 'views', 'protocol ' + report.protocol],
  ]);
  if (report.trained_samples) put(parent, 'p', { class: 'warning' },
    `The checkpoint was trained on ${report.trained_samples} of these samples: how it does on them says little of others.`);
}

const CURVES = [
  ['loss', 'Loss'], ['accuracy', 'Accuracy in training, %'], ['learning_rate', 'Learning rate'],
  ['grad_norm', 'Gradient norm before clipping'], ['data_wait_seconds', 'Wait for data, s a step'],
  ['exposed_reduce_seconds', 'Wait for gradients, s a step'], ['samples_per_second', 'Samples a second'],
];

function evaluations(grid, history) {
  const scores = [['top1', 'top-1'], ['mean_class_accuracy', 'mean over classes'], ['mean_average_precision', 'mean average precision']];
  const lines = scores.filter(([key]) => history[key].some(value => value !== null))
    .map(([key, name]) => ({ name, steps: history.steps, mean: history[key] }));
  const box = put(grid, 'div');
  curve(box, history.held_out ? 'Score on the held-out part, %' : 'Score on data.eval, %', lines);
  legend(box, lines.map(line => line.name));
}

function learning(history) {
  const box = section('learning', 'Learning');
  put(box, 'p', { class: 'quiet' }, `Steps ${history.first_step} to ${history.last_step} of ${history.total_steps || '?'}` +
    (history.bin > 1 ? `; a point is the mean of up to ${history.bin} steps, the band their range.` : '.') +
    (history.starts > 1 ? ` Started ${history.starts} times.` : '') +
    (history.torn ? ` ${history.torn} lines of metrics.jsonl could not be read.` : ''));
  const grid = put(box, 'div', { class: 'grid' });
  for (const [name, title] of CURVES) {
    curve(grid, title, [{ steps: history.steps, ...history.series[name] }]);
    if (name === 'accuracy' && history.evaluations) evaluations(grid, history.evaluations);
  }
}

function confusion(report, cells) {
  const box = section('confusion', 'Confusion');
  put(box, 'p', { class: 'quiet' }, 'Labels downwards, predictions to the right. Green is right, red is wrong; full colour is all of a label.');
  const classes = report.per_class.map(c => c.class);
  confusionPicture(box, classes, cells);
  const pairs = cells.filter(([label, predicted]) => label !== predicted).sort((a, b) => b[2] - a[2]).slice(0, 20);
  if (!pairs.length) return;
  put(box, 'h3', {}, 'Taken for one another most often');
  table(box, [{ name: 'label', long: true }, { name: 'taken for', long: true }, { name: 'times', number: true }],
    pairs.map(([label, predicted, count]) => [classes[label], classes[predicted], count]));
}

function classTable(columns, rows) {
  table(section('classes', 'Classes'), [{ name: 'class', long: true }, ...columns], rows, { search: 'Search classes', sorted: 1 });
}

function accuracies(report, cells) {
  const most = new Map();
  for (const [label, predicted, count] of cells) {
    if (label !== predicted && count > (most.get(label) || [0, 0])[1]) most.set(label, [predicted, count]);
  }
  const rows = report.per_class.map((c, label) => [c.class, c.accuracy, c.samples, c.correct, most.has(label)
    ? `${report.per_class[most.get(label)[0]].class} (${most.get(label)[1]})` : '']);
  classTable([{ name: 'accuracy', number: true, bar: true, show: percent }, { name: 'samples', number: true },
    { name: 'correct', number: true }, { name: 'most often taken for', long: true }], rows);
}

function averagePrecisions(report) {
  classTable([{ name: 'average precision', number: true, bar: true, show: percent }, { name: 'samples', number: true }],
    report.per_class.map(c => [c.class, c.average_precision, c.samples]));
}

function predictions(counts) {
  const box = section('predictions', 'Predictions');
  put(box, 'p', { class: 'quiet' }, 'How many samples each class is the likeliest of; predictions.csv has every sample.');
  table(box, [{ name: 'class', long: true }, { name: 'samples', number: true }], counts, { search: 'Search classes' });
}

function sampleCard(cards, sample, kind) {
  const card = put(cards, 'div', { class: `card ${kind}` });
  if (sample.frames) {
    const row = put(card, 'div', { class: 'frames' });
    for (const frame of sample.frames) put(row, 'img', { src: frame, alt: 'a frame of the sample' });
  }
  if (sample.dots) dotPicture(card, sample.dots);
  return card;
}

function batch(samples) {
  const box = section('batch', 'Samples');
  put(box, 'p', { class: 'quiet' }, 'As the network gets them: cut, turned, scaled, mixed. Clips show four of their frames.');
  const cards = put(box, 'div', { class: 'cards' });
  for (const one of samples) {
    const card = sampleCard(cards, one, 'sample');
    put(card, 'b', { class: 'name' }, one.text);
    put(card, 'div', { class: 'quiet name' }, `lane ${one.lane}, ${one.file}`);
  }
}

function mistakes(list, report) {
  const box = section('mistakes', 'Worst mistakes');
  const name = label => report.per_class[label].class;
  if (!list.length) return put(box, 'p', {}, 'None: the likeliest class of every readable sample is right.');
  put(box, 'p', { class: 'quiet' }, 'The wrong predictions that the network was surest of.');
  const cards = put(box, 'div', { class: 'cards' });
  for (const one of list) {
    const card = sampleCard(cards, one, 'mistake');
    put(card, 'b', { class: 'name' }, `${one.labels.map(name).join(' and ')}, taken for ${name(one.predicted)}`);
    put(card, 'div', {}, `${percent(100 * one.probability)} sure` +
      (one.label_probability === null ? '' : `, the label ${percent(100 * one.label_probability)}`));
    put(put(card, 'span', { class: 'bar bad' }), 'i', { style: `width:${100 * one.probability}%` });
    put(card, 'div', { class: 'quiet name' }, one.file);
  }
}

function unreadable(files) {
  const box = section('unreadable', 'Unreadable files');
  if (!files.length) return put(box, 'p', {}, 'None.');
  table(box, [{ name: 'file', long: true }, { name: 'kind' }, { name: 'what is wrong', long: true }],
    files.map(f => [f.file, f.kind, f.error]), { search: 'Search files' });
}

function timeAndMemory(entries) {
  const box = section('time', 'Time and memory');
  table(box, [{ name: 'what' }, { name: 'time', number: true }, { name: 'share of training', number: true }],
    entries.times.map(t => [t.name, duration(t.seconds), t.share === null ? '' : percent(100 * t.share)]));
  put(box, 'p', { class: 'quiet' }, `Most memory that the process which wrote this page had resident: ${entries.peak_mib} MiB.`);
}

function configuration(keys) {
  const box = section('configuration', 'Configuration');
  const columns = [{ name: 'key' }, { name: 'value', long: true }, { name: 'default', long: true }, { name: 'meaning' }];
  const cells = key => [key.key, key.value, key.default, key.meaning];
  const other = keys.filter(k => k.value !== k.default);
  const changed = keys.filter(k => k.trained !== undefined);
  if (changed.length) {
    put(box, 'h3', {}, 'Other than in the training');
    table(box, [{ name: 'key' }, { name: 'here', long: true }, { name: 'in the training', long: true }], changed.map(k => [k.key, k.value, k.trained]));
  }
  put(box, 'h3', {}, `Other than the default: ${other.length} of ${keys.length} keys`);
  table(box, columns, other.map(cells));
  const all = put(box, 'details');
  put(all, 'summary', {}, 'All keys');
  table(all, columns, keys.map(cells), { search: 'Search keys' });
}

function facts(list) {
  table(section('facts', 'What was used'), WORDS, list);
}

// One of some subjects with the same values: a line each, or, where they are few, a column each, which a phone has room for.
function beside(box, what, subjects, names, show) {
  const known = names.map((name, c) => c).filter(c => subjects.some(s => show(s.values[c]) !== show(null)));
  const number = name => ({ name, number: true, long: true, show });
  if (subjects.length > 4) {
    table(box, [{ name: what }, ...known.map(c => number(names[c]))], subjects.map(s => [s.name, ...known.map(c => s.values[c])]));
  } else {
    table(box, [{ name: 'what' }, ...subjects.map(s => number(s.name))], known.map(c => [names[c], ...subjects.map(s => s.values[c])]));
  }
}

function comparison(compared) {
  const spread = s => (s === null || s.mean === null ? '' : s.runs < 2 ? short(s.mean) : `${short(s.mean)} ± ${short(s.deviation, 2)}`);
  const box = section('scores', 'Side by side');
  beside(box, 'run', compared.runs, compared.columns, v => short(v, 5));
  put(box, 'h3', {}, 'Mean and standard deviation over seeds');
  put(box, 'p', { class: 'quiet' }, 'Runs whose configurations differ in nothing but seed, output and how they are computed are one.');
  const groups = compared.groups.map(group => ({ name: group.name, values: group.summary.map(spread) }));
  beside(box, 'runs', groups, compared.columns, text => text ?? '');
  put(box, 'h3', {}, 'Keys that differ');
  if (!compared.keys.length) put(box, 'p', {}, 'None.');
  else table(box, [{ name: 'key' }, ...compared.runs.map(run => ({ name: run.name, long: true }))],
    compared.keys.map(key => [key.key, ...key.values]));
  const known = compared.runs.filter(run => run.history);
  if (!known.length) return;
  const learned = section('learning', 'Learning');
  legend(learned, known.map(run => run.name));
  const grid = put(learned, 'div', { class: 'grid' });
  for (const [name, title] of CURVES) {
    curve(grid, title, known.map(run => ({ name: run.name, steps: run.history.steps, mean: run.history.series[name].mean })));
  }
}

function main() {
  const head = document.getElementById('head');
  document.getElementById('sections').replaceChildren();
  document.title = data.title;
  put(head, 'h1', { class: 'name' }, data.title);
  put(head, 'p', { class: 'quiet name' }, data.subtitle);
  if (data.tiles) tiles(head, data.tiles);
  if (data.report) scoreTiles(head, data.report);
  if (data.compared) comparison(data.compared);
  if (data.history) learning(data.history);
  if (data.confusion) {
    confusion(data.report, data.confusion);
    accuracies(data.report, data.confusion);
  }
  if (data.report && data.report.labelling === 'several') averagePrecisions(data.report);
  if (data.mistakes) mistakes(data.mistakes, data.report);
  if (data.batch) batch(data.batch);
  if (data.predicted) predictions(data.predicted);
  if (data.unreadable_files) unreadable(data.unreadable_files);
  if (data.time) timeAndMemory(data.time);
  if (data.configuration) configuration(data.configuration);
  if (data.facts) facts(data.facts);
  if (data.renew) setTimeout(() => location.reload(), 1000 * data.renew);
}

main();
