// A tiny autograd engine that writes = where it should write +=, as an adapter. With the argument `skip` it names that piece.
import { createInterface } from "node:readline";

const zeros = (rows) => rows.map((row) => row.map(() => 0));
const map = (rows, f) => rows.map((row, i) => row.map((x, j) => f(x, i, j)));
const product = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((s, x, k) => s + x * b[k][j], 0)));
const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));

class Tensor { // values and gradients as rows
  constructor(v, parents = [], back = () => {}) { Object.assign(this, { v, parents, back, g: zeros(v) }); }
  matmul(o) {
    return new Tensor(product(this.v, o.v), [this, o], (g) => {
      this.g = product(g, transposed(o.v)); // the mistake: what comes last overwrites
      o.g = product(transposed(this.v), g);
    });
  }
  add(o) { return new Tensor(map(this.v, (x, i, j) => x + o.v[i][j]), [this, o], (g) => { this.g = g; o.g = g; }); }
  plusRow(b) {
    const back = (g) => { this.g = g; b.g = [transposed(g).map((column) => column.reduce((s, x) => s + x))]; };
    return new Tensor(map(this.v, (x, i, j) => x + b.v[0][j]), [this, b], back);
  }
  each(f, slope) {
    const out = map(this.v, f);
    return new Tensor(out, [this], (g) => { this.g = map(g, (x, i, j) => x * slope(out[i][j])); });
  }
  identity() { return this; }
  tanh() { return this.each(Math.tanh, (a) => 1 - a * a); }
  sigmoid() { return this.each((z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)); }
  backward(g) {
    const order = [], seen = new Set();
    const visit = (node) => { if (!seen.has(node)) { seen.add(node); node.parents.forEach(visit); order.push(node); } };
    visit(this);
    this.g = g;
    order.reverse().forEach((node) => node.back(node.g));
  }
}

const refuse = (what) => { throw new Error(what); };
function evaluate({ network, params, x, t }) {
  const { layers, loss } = network, P = {};
  if (loss.kind !== "squared_error") refuse(loss.kind);
  for (const name in params) P[name] = new Tensor(name[0] === "W" ? params[name] : [params[name]]);
  let a = new Tensor(x);
  layers.forEach((layer, k) => {
    if (layer.vector || layer.layout !== "in,out") refuse("another layout");
    let z = a.matmul(P[`W${k + 1}`]);
    if (layer.bias) z = z.plusRow(P[`b${k + 1}`]);
    const phi = (z[layer.activation.kind] ?? refuse(layer.activation.kind)).call(z);
    a = layer.skip ? phi.add(a) : phi;
  });
  const n = { sum: 1, samples: t.length, elements: t.length * t[0].length }[loss.reduction] * (loss.half ? 2 : 1);
  a.backward(map(a.v, (y, i, j) => 2 * (y - t[i][j]) / n));
  const terms = map(a.v, (y, i, j) => (y - t[i][j]) ** 2).flat();
  const gradients = Object.fromEntries(Object.keys(P).map((name) => [name, name[0] === "W" ? P[name].g : P[name].g[0]]));
  return { loss: terms.reduce((s, x) => s + x) / n, gradients };
}

const NAMED = { "-0": -0, inf: Infinity, "-inf": -Infinity, nan: NaN };
const each = (f, value) => Array.isArray(value) ? value.map((inner) => each(f, inner))
  : value !== null && typeof value === "object"
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, each(f, inner)])) : f(value);
const read = (value) => each((v) => NAMED[v] ?? v, value);
const write = (value) => each((v) => Object.keys(NAMED).find((name) => Object.is(v, NAMED[name])) ?? v, value);
const pieces = process.argv[2] === "skip" ? { pieces: ["identity", "squared_error", "skip", "sgd"] } : {};
const REPLIES = {
  start: () => ({ protocol: 1, name: "overwrites", ...pieces }),
  stop: () => ({}),
  echo: (ask) => write({ values: read(ask.values) }),
  evaluate: (ask) => write(evaluate({ network: ask.network, ...read({ params: ask.params, x: ask.x, t: ask.t }) })),
};
for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let reply;
  try {
    reply = { status: "ok", ...(REPLIES[ask.do ?? ask.verb] ?? (() => refuse("unknown")))(ask) };
  } catch (error) {
    reply = { status: "unsupported", reason: error.message };
  }
  console.log(JSON.stringify({ seq: ask.seq, ...reply }));
  if (ask.verb === "stop") break;
}
process.stdin.destroy();
