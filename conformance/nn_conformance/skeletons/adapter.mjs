// An adapter of nn-conformance, to be filled in: requests on stdin, replies on stdout, one JSON object a line.
// It starts, sends numbers back, and says that it supports nothing yet. Fill in what is marked, from 1 to 4, and look after each:
//     nn-conformance smoke 'cmd:node FILE'              does the harness work?
//     nn-conformance verify 'cmd:node FILE' xor-tanh    is what it runs right?
// PROTOCOL.md, in nn_conformance/protocol, says what stands in requests and replies. Print to stderr, never to stdout.
import { createInterface } from "node:readline";

// 1. Who you are, and what you can do.
const START = {
  protocol: 1,
  name: "my engine",
  version: "0",
  dtypes: ["float64"], // and "float32", if you compute in it too
  networks: "any", // or some: ["xor-tanh", "mnist-*"]
  does: ["evaluate"], // and "train", once 4 is there
  // With a list of pieces, by the names in PROTOCOL.md, you are asked for these alone: "skip" tests what is used twice.
  conventions: {}, // what you do otherwise than the fixtures, such as another layout of weights
};

class Unsupported extends Error {} // what you cannot do is no mistake: it is counted, and shown with the reason

function evaluate(ask) {
  // ask.network: what to compute, with layers and loss; ask.params: { W1: [[...], ...], b1: [...], ... };
  // ask.x and ask.t: inputs and targets, a row for each sample.
  // 2. The loss: return { loss, layers: [{ z, a }, ...] }; the layers may be left out.
  // 3. The gradients: return { loss, gradients: { W1: [[...], ...], ... } }, of the shapes of the parameters.
  throw new Unsupported("evaluate is not written yet");
}

function train(ask) {
  // 4. One update for each of ask.batches, lists of row numbers, by ask.optimizer, from ask.state:
  // return { losses: [the loss before each update], params: { W1: [[...], ...], ... } }.
  throw new Unsupported("train is not written yet");
}

// JSON has no -0, inf and nan, so they come as strings, and go as strings.
const NAMED = { "-0": -0, inf: Infinity, "-inf": -Infinity, nan: NaN };
const mapped = (f, value) => Array.isArray(value) ? value.map((inner) => mapped(f, inner))
  : value !== null && typeof value === "object"
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapped(f, inner)]))
    : f(value);
const numbers = (value) => mapped((v) => NAMED[v] ?? v, value);
const written = (value) => mapped((v) => Object.keys(NAMED).find((name) => Object.is(v, NAMED[name])) ?? v, value);

function answer(ask) {
  switch (`${ask.verb} ${ask.do ?? ""}`.trim()) {
    case "start": return START;
    case "run echo": return { values: numbers(ask.values) };
    case "run evaluate": return evaluate(ask);
    case "run train": return train(ask);
    case "stop": return {};
  }
  throw new Unsupported(`${ask.verb} ${ask.do ?? ""} is unknown here`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let reply;
  try {
    reply = { status: "ok", ...written(answer(ask)) };
  } catch (error) {
    reply = error instanceof Unsupported ? { status: "unsupported", reason: error.message }
      : { status: "error", message: String(error), failure: "raised" };
  }
  console.log(JSON.stringify({ seq: ask.seq, ...reply }));
  if (ask.verb === "stop") break;
}
process.stdin.destroy(); // or Node.js would wait for more
