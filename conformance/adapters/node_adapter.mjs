// The described networks in JavaScript, as an adapter: requests on stdin, replies on stdout, one JSON object a line.
// Node.js, no packages. A matrix is an array of rows, one for each sample; float32 is float64 rounded after each step.
import { createInterface } from "node:readline";

const { exp, expm1, log, log1p, tanh, abs, max, min, sqrt, fround } = Math;
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

const tau = (z) => tanh(0.7978845608028654 * (z + 0.044715 * z ** 3)); // of GELU: √(2/π)
const geluSlope = (z) => (1 + tau(z)) / 2 + z / 2 * (1 - tau(z) ** 2) * 0.7978845608028654 * (1 + 0.134145 * z * z);

const ACTIVATIONS = { // of each z and α: a; of each z, a and α: da/dz, which for softmax is the diagonal alone
  identity: [(z) => z, () => 1],
  relu: [(z) => max(z, 0), (z) => Number(z > 0)],
  leaky_relu: [(z, c) => z > 0 ? z : c * z, (z, a, c) => z > 0 ? 1 : c],
  elu: [(z, c) => z > 0 ? z : c * expm1(z), (z, a, c) => z > 0 ? 1 : a + c],
  tanh: [tanh, (z, a) => 1 - a * a],
  sigmoid: [sigmoid, (z, a) => a * (1 - a)],
  softplus: [(z) => max(z, 0) + log1p(exp(-abs(z))), sigmoid],
  silu: [(z) => z * sigmoid(z), (z) => sigmoid(z) * (1 + z * sigmoid(-z))],
  gelu: [(z) => z / 2 * (1 + tau(z)), geluSlope],
  softmax: [null, (z, a) => a * (1 - a)],
};
const LOSSES = { // of each y, t, log p (of a softmax) and the sum of the row of t: the term, and its slope in y
  squared_error: [(y, t) => (y - t) ** 2, (y, t) => 2 * (y - t)],
  linear: [(y, t) => t * y, (y, t) => t],
  cross_entropy: [(y, t) => t ? -t * log(y) : 0, (y, t) => t ? -t / y : 0], // 0 log 0 is 0
  "cross_entropy logits": [(y, t, logP) => -t * logP, (y, t, logP, sum) => exp(logP) * sum - t],
  binary_cross_entropy: [(p, t) => -t * log(p) - (1 - t) * log1p(-p), (p, t) => (p - t) / (p * (1 - p))],
  "binary_cross_entropy logits": [(y, t) => max(y, 0) - y * t + log1p(exp(-abs(y))), (y, t) => sigmoid(y) - t],
};
const turner = ({ axis }) => axis === "batch" ? transposed : (a) => a;

function activate(activation, z) {
  const [f] = ACTIVATIONS[activation.kind] ?? refuse(activation.kind), turned = turner(activation);
  return f ? calc((z) => f(z, activation.alpha), z) : turned(calc(exp, logSoftmax(turned(z))));
}

function back({ kind, backward, axis, alpha }, z, a, da) { // dz of da; the rule `quotient` is the derivative
  const slope = ACTIVATIONS[kind][1], turned = turner({ axis });
  if (kind !== "softmax" || backward === "diagonal") return calc((z, a, da) => da * slope(z, a, alpha), z, a, da);
  const columns = turned(da), sums = turned(a).map((row, n) => row.map(() => dot(row, columns[n])));
  return calc((a, da, s) => a * (da - s), a, da, turned(sums));
}

function lossAndGradient({ kind, reduction, half, from_logits: logits, clip }, y, t) { // the loss of y, and dy
  const count = { sum: 1, samples: t.length, elements: t.length * t[0].length }[reduction] * (half ? 2 : 1);
  const [term, slope] = LOSSES[kind + (logits ? " logits" : "")] ?? refuse(kind);
  const p = clip ? each((y) => min(max(y, round(clip)), round(1 - clip)), y) : y; // beyond the bounds p is constant
  const more = [t, logSoftmax(y), t.map((row) => row.map(() => sum(row)))];
  const dy = calc((p, y, ...more) => p === y ? slope(p, ...more) : 0, p, y, ...more);
  return [round(sum(calc(term, p, ...more).map(sum)) / count), calc((d) => d / count, dy)];
}

function evaluate({ layers, loss, penalty }, params, x, t) { // a vector layer is computed with one unit
  const zs = [], phis = [], as = [x], weights = [], gradients = {}, { vector, activation: last } = layers.at(-1);
  layers.forEach((layer, k) => {
    const w = params[`W${k + 1}`], b = [params[`b${k + 1}`] ?? Array(layer.units).fill(0)].flat();
    weights.push(layer.vector ? [w] : layer.layout === "out,in" ? w : transposed(w)); // (units, inputs)
    zs.push(product(as[k], weights[k]).map((row) => row.map((v, j) => round(v + b[j]))));
    phis.push(activate(layer.activation, zs[k]));
    as.push(layer.skip ? calc((a, b) => a + b, phis[k], as[k]) : phis[k]);
  });
  const rows = vector ? t.map((v) => [v]) : t, y = as.at(-1), top = zs.at(-1);
  const plain = last.kind === "softmax" && last.axis === "outputs" && last.backward !== "diagonal";
  const together = plain && loss.kind === "cross_entropy" && !loss.from_logits; // so that no p becomes 0
  let [value, da] = lossAndGradient({ ...loss, from_logits: loss.from_logits || together }, together ? top : y, rows);
  for (let k = layers.length - 1; k >= 0; k--) {
    const dz = together && as[k + 1] === y ? da : back(layers[k].activation, zs[k], phis[k], da);
    const columns = transposed(dz), dw = product(columns, transposed(as[k])), db = columns.map(sum);
    gradients[`W${k + 1}`] = layers[k].vector ? dw[0] : layers[k].layout === "out,in" ? dw : transposed(dw);
    gradients[`b${k + 1}`] = layers[k].vector ? db[0] : db;
    const below = product(dz, transposed(weights[k]));
    da = layers[k].skip ? calc((a, b) => a + b, below, da) : below; // the input is used twice
  }
  for (const name of Object.keys(params).filter((name) => penalty && (name[0] === "W" || penalty.biases))) {
    const c = penalty.strength / { "1": 1, "1/2": 2, "1/N": t.length, "1/2N": 2 * t.length }[penalty.scaling];
    value = round(value + c * sum(calc((p) => p * p, [params[name]].flat(2))));
    gradients[name] = calc((g, p) => g + 2 * c * p, gradients[name], params[name]);
  }
  const shown = zs.map((z, k) => vector && z === zs.at(-1) ? { z: z.flat(), a: y.flat() } : { z, a: as[k + 1] });
  return { layers: shown, loss: value, gradients: mapped(params, (_, name) => gradients[name]) };
}

function update(o, step, params, g, moments) { // the parameters after a step, counted from 1; moments change in place
  const { kind, learning_rate: rate, momentum: mu = 0, dialect, beta1, beta2, epsilon, placement } = o;
  if (kind === "sgd") {
    const factor = { rate, averaged: 1 - mu }[dialect] ?? 1, size = dialect === "rate" ? 1 : rate;
    moments.v = calc((v, g) => mu * v + factor * g, moments.v, g);
    return calc((p, v, g) => p - size * (dialect === "nesterov" ? g + mu * v : v), params, moments.v, g);
  }
  const [c1, c2] = kind === "adam" ? [1 - beta1 ** step, sqrt(1 - beta2 ** step)] : [1, 1];
  const keras = kind === "adam" ? (v) => (sqrt(v) + epsilon) / c2 : (v) => sqrt(v + epsilon);
  const size = placement === "keras" ? keras : (v) => sqrt(v) / c2 + epsilon;
  moments.m = kind === "adam" ? calc((m, g) => beta1 * m + (1 - beta1) * g, moments.m, g) : g;
  moments.v = calc((v, g) => kind === "adagrad" ? v + g * g : beta2 * v + (1 - beta2) * g * g, moments.v, g);
  return calc((p, m, v) => p - rate / c1 * m / size(v), params, moments.m, moments.v);
}

const NAMED = { "-0": -0, inf: Infinity, "-inf": -Infinity, nan: NaN }; // JSON has no numbers for these
const read = (value) => each((v) => round(NAMED[v] ?? v), value);
const write = (value) => each((v) => Object.keys(NAMED).find((name) => Object.is(v, NAMED[name])) ?? v, value);

function answer(ask) { // what a run replies
  round = ask.dtype === "float32" ? fround : (v) => v;
  if (![...START.does, "echo"].includes(ask.do)) refuse(ask.do);
  if (ask.do === "echo") return { values: read(ask.values) };
  let { network, optimizer, state } = ask, [params, x, t] = [ask.params, ask.x, ask.t].map(read), losses = [];
  if (ask.do === "evaluate") return evaluate(network, params, x, t);
  const zeros = each(() => 0, params), moments = { m: zeros, v: zeros, ...mapped(state?.moments ?? {}, read) };
  ask.batches.forEach((rows, k) => {
    const pick = (a) => rows.map((row) => a[row]), { loss, gradients } = evaluate(network, params, pick(x), pick(t));
    params = update(optimizer, (state?.step ?? 0) + k + 1, params, gradients, moments), losses.push(loss);
  });
  return { losses, params };
}

const START = { protocol: 1, name: "node_adapter", version: process.version, dtypes: ["float32", "float64"],
  networks: "any", does: ["evaluate", "train"], conventions: {},
  pieces: [...Object.keys(ACTIVATIONS), "batch_softmax", "diagonal_softmax", ...Object.keys(LOSSES), "penalty", "skip",
    "sgd", "momentum", "adam", "rmsprop", "adagrad"] };
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
