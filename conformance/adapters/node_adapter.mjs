// The described networks in JavaScript, as an adapter: requests on stdin, replies on stdout, one JSON object a line.
// Node.js, no packages. A matrix is an array of rows, one for each sample; float32 is float64 rounded after each step.
import { createInterface } from "node:readline";

const { exp, log, log1p, tanh, abs, max, min, sqrt, fround } = Math;
let round = (v) => v; // to the precision that is asked for

const each = (f, ...values) => // f of the numbers at each place of arrays or objects of one form
  Array.isArray(values[0]) ? values[0].map((_, i) => each(f, ...values.map((v) => v[i])))
  : typeof values[0] === "object" ? mapped(values[0], (_, key) => each(f, ...values.map((v) => v[key])))
  : f(...values);
const mapped = (object, f) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, f(value, key)]));
const calc = (f, ...values) => each((...numbers) => round(f(...numbers)), ...values);
const sum = (list) => list.reduce((a, b) => round(a + b), 0);
const dot = (a, b) => { let s = 0; for (let i = 0; i < a.length; i++) s = round(s + round(a[i] * b[i])); return s; };
const product = (rows, columns) => rows.map((row) => columns.map((column) => dot(row, column)));
const transposed = (a) => a[0].map((_, i) => a.map((row) => row[i]));
const sigmoid = (z) => z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); // neither overflows
const logSoftmax = (z) => z.map((row) => {
  const shifted = row.map((v) => round(v - max(...row))), total = log(sum(shifted.map((v) => round(exp(v)))));
  return shifted.map((v) => round(v - total));
});
const refuse = (what) => { throw { reason: `${what} is unknown here` }; };

const ACTIVATIONS = { // a of z; da/dz by a, which for softmax is the diagonal alone
  identity: [(z) => z, () => 1],
  relu: [(z) => max(z, 0), (a) => Number(a > 0)],
  tanh: [tanh, (a) => 1 - a * a],
  sigmoid: [sigmoid, (a) => a * (1 - a)],
  softmax: [null, (a) => a * (1 - a)],
};
const LOSSES = { // of each y and t: the term, and its slope in y
  squared_error: [(y, t) => (y - t) ** 2, (y, t) => 2 * (y - t)],
  cross_entropy: [(y, t) => t ? -t * log(y) : 0, (y, t) => t ? -t / y : 0], // 0 log 0 is 0
  binary_cross_entropy: [(p, t) => -t * log(p) - (1 - t) * log1p(-p), (p, t) => (p - t) / (p * (1 - p))],
  "binary_cross_entropy logits": [(y, t) => max(y, 0) - y * t + log1p(exp(-abs(y))), (y, t) => sigmoid(y) - t],
};
const turner = ({ axis }) => axis === "batch" ? transposed : (a) => a;

function activate(activation, z) {
  const [f] = ACTIVATIONS[activation.kind] ?? refuse(activation.kind), turned = turner(activation);
  return f ? calc(f, z) : turned(calc(exp, logSoftmax(turned(z))));
}

function back(activation, a, da) { // dz of da; the rule `quotient` is the derivative
  const slope = ACTIVATIONS[activation.kind][1], turned = turner(activation);
  if (activation.kind !== "softmax" || activation.backward === "diagonal") return calc((a, da) => da * slope(a), a, da);
  const columns = turned(da), sums = turned(a).map((row, n) => row.map(() => dot(row, columns[n])));
  return calc((a, da, s) => a * (da - s), a, da, turned(sums));
}

function lossAndGradient({ kind, reduction, half, from_logits: logits, clip }, y, t) { // the loss of y, and dy
  const count = { sum: 1, samples: t.length, elements: t.length * t[0].length }[reduction] * (half ? 2 : 1);
  let terms, dy;
  if (kind === "cross_entropy" && logits) {
    const logP = logSoftmax(y), sums = t.map((row) => row.map(() => sum(row)));
    terms = calc((t, p) => -t * p, t, logP);
    dy = calc((p, t, s) => exp(p) * s - t, logP, t, sums);
  } else {
    const [term, slope] = LOSSES[kind + (logits ? " logits" : "")] ?? refuse(kind);
    const p = clip ? each((y) => min(max(y, round(clip)), round(1 - clip)), y) : y;
    terms = calc(term, p, t);
    dy = calc((p, y, t) => p === y ? slope(p, t) : 0, p, y, t); // beyond the bounds p is constant
  }
  return [round(sum(terms.map(sum)) / count), calc((d) => d / count, dy)];
}

function evaluate({ layers, loss }, params, x, t) { // a vector layer is computed with one unit
  const zs = [], as = [x], weights = [], gradients = {}, vector = layers.at(-1).vector, last = layers.at(-1).activation;
  layers.forEach((layer, k) => {
    const w = params[`W${k + 1}`], b = [params[`b${k + 1}`] ?? Array(layer.units).fill(0)].flat();
    weights.push(layer.vector ? [w] : layer.layout === "out,in" ? w : transposed(w)); // (units, inputs)
    zs.push(product(as[k], weights[k]).map((row) => row.map((v, j) => round(v + b[j]))));
    as.push(activate(layer.activation, zs[k]));
  });
  const targets = vector ? t.map((v) => [v]) : t, y = as.at(-1);
  const plain = last.kind === "softmax" && last.axis === "outputs" && last.backward !== "diagonal";
  let value, dz;
  if (plain && loss.kind === "cross_entropy" && !loss.from_logits) { // together, so that no p becomes 0
    [value, dz] = lossAndGradient({ ...loss, from_logits: true }, zs.at(-1), targets);
  } else {
    [value, dz] = lossAndGradient(loss, y, targets);
    dz = back(last, y, dz);
  }
  for (let k = layers.length - 1; k >= 0; k--) {
    const columns = transposed(dz), dw = product(columns, transposed(as[k])), db = columns.map(sum);
    gradients[`W${k + 1}`] = layers[k].vector ? dw[0] : layers[k].layout === "out,in" ? dw : transposed(dw);
    gradients[`b${k + 1}`] = layers[k].vector ? db[0] : db;
    if (k) dz = back(layers[k - 1].activation, as[k], product(dz, transposed(weights[k])));
  }
  const shown = zs.map((z, k) => vector && z === zs.at(-1) ? { z: z.flat(), a: y.flat() } : { z, a: as[k + 1] });
  return { layers: shown, loss: value, gradients: mapped(params, (_, name) => gradients[name]) };
}

function update(o, step, params, g, moments) { // the parameters after a step, counted from 1; moments change in place
  if (o.kind === "sgd") {
    moments.v = calc((v, g) => (o.momentum ?? 0) * v + g, moments.v, g);
    return calc((p, v) => p - o.learning_rate * v, params, moments.v);
  }
  const root = sqrt(1 - o.beta2 ** step), rate = o.learning_rate / (1 - o.beta1 ** step);
  const size = { torch: (v) => sqrt(v) / root + o.epsilon, keras: (v) => (sqrt(v) + o.epsilon) / root }[o.placement];
  moments.m = calc((m, g) => o.beta1 * m + (1 - o.beta1) * g, moments.m, g);
  moments.v = calc((v, g) => o.beta2 * v + (1 - o.beta2) * g * g, moments.v, g);
  return calc((p, m, v) => p - rate * m / size(v), params, moments.m, moments.v);
}

const NAMED = { "-0": -0, inf: Infinity, "-inf": -Infinity, nan: NaN }; // JSON has no numbers for these
const read = (value) => each((v) => round(NAMED[v] ?? v), value);
const write = (value) => each((v) => Object.keys(NAMED).find((name) => Object.is(v, NAMED[name])) ?? v, value);

function answer(ask) { // what a run replies
  round = ask.dtype === "float32" ? fround : (v) => v;
  if (![...START.does, "echo"].includes(ask.do)) refuse(ask.do);
  if (ask.do === "echo") return { values: read(ask.values) };
  const { network, optimizer, state } = ask, given = read(ask.params), x = read(ask.x), t = read(ask.t), losses = [];
  if (ask.do === "evaluate") return evaluate(network, given, x, t);
  const zeros = each(() => 0, given), moments = { m: zeros, v: zeros, ...mapped(state?.moments ?? {}, read) };
  const cut = (name) => (p, v) => ask.names.includes(name) && abs(p) < round(ask.threshold) ? 0 : v;
  const without = (arrays) => mapped(arrays, (a, name) => each(cut(name), given[name], a));
  const masked = ask.keep_mask ? without : (arrays) => arrays;
  const left = ask.do === "prune" ? without(given) : given;
  let params = left;
  Object.assign(moments, mapped(moments, masked));
  (ask.batches ?? [x.keys()]).forEach((batch, k) => {
    const rows = [...batch], pick = (a) => rows.map((row) => a[row]);
    const { loss, gradients } = evaluate(network, params, pick(x), pick(t));
    params = update(optimizer, (state?.step ?? 0) + k + 1, params, masked(gradients), moments);
    losses.push(loss);
  });
  return ask.do === "prune" ? { left, after: params } : { losses, params };
}

const START = { protocol: 1, name: "node_adapter", version: process.version, dtypes: ["float32", "float64"],
  networks: "any", does: ["evaluate", "train", "prune"], conventions: {} };
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let reply;
  try {
    const replies = { start: () => START, run: () => write(answer(ask)), stop: () => ({}) };
    reply = { status: "ok", ...(replies[ask.verb] ?? (() => refuse(ask.verb)))() };
  } catch ({ reason, message }) {
    reply = reason ? { status: "unsupported", reason } : { status: "error", message, failure: "raised" };
  }
  console.log(JSON.stringify({ seq: ask.seq, ...reply }));
  if (ask.verb === "stop") break;
}
process.stdin.destroy(); // or Node.js would wait for more
