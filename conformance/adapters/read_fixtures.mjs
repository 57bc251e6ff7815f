// Reads and verifies the certified test vectors, as fixtures/README.md describes them; Node.js, no packages.
// Usage: node read_fixtures.mjs [fixtures folder]; at the first problem it prints file and field and exits with 1.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
const NAMED = new Map([["-0", -0], ["inf", Infinity], ["-inf", -Infinity], ["nan", NaN]]); // not numbers in JSON
const TYPES = { float32: ["F32", 4, "FloatLE"], float64: ["F64", 8, "DoubleLE"] }; // safetensors' name, bytes, Buffer's
const f32 = Math.fround; // one float64 operation on float32 numbers, then rounded, is the float32 operation
const scaled = (mean, std) => (p) => f32(f32(f32(p / 255) - f32(mean)) / f32(std));
const SCALINGS = { raw: (p) => p, unit: (p) => f32(p / 255), mnist: scaled(0.1307, 0.3081), half: scaled(0.5, 0.5) };

const product = (shape) => shape.reduce((a, b) => a * b, 1);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const read = (root, path) => readFileSync(join(root, path));
const json = (root, path) => JSON.parse(read(root, path));
const refuse = (what) => { throw new Error(what); };
const expect = (what, expected, got) => got === expected || refuse(`${what}: expected ${expected}, got ${got}`);
const at = (place, run) => { try { return run(); } catch (error) { return refuse(`${place}: ${error.message}`); } };

function fromList(numbers, [, size, suffix]) { // to little-endian bytes, as they are digested
  const bytes = Buffer.alloc(numbers.length * size), write = `write${suffix}`;
  const number = (n) => typeof n === "number" ? n : NAMED.get(n) ?? refuse(`data: ${n} is no number`);
  numbers.forEach((n, i) => bytes[write](number(n), i * size));
  return bytes;
}

function fromTensor(root, { file, sha256: name, shape }, [tag]) { // 8 bytes of header length, header, numbers
  if (!/^[A-Za-z0-9][\w-]*\.safetensors$/.test(file)) refuse(`file: ${file} is no plain name`);
  const bytes = read(root, `arrays/${file}`);
  const start = bytes.length < 8 ? Infinity : 8 + Number(bytes.readBigUInt64LE());
  if (start > Math.min(bytes.length, 2 ** 20)) refuse(`arrays/${file}: the header is too long`); // ours: a few thousand
  const tensor = JSON.parse(bytes.toString("utf8", 8, start))[name] ?? refuse(`arrays/${file}: no tensor ${name}`);
  expect(`arrays/${file}: tensor`, `${tag} [${shape}]`, `${tensor.dtype} [${tensor.shape}]`);
  const [begin, end] = tensor.data_offsets;
  if (!(begin >= 0 && start + end <= bytes.length)) refuse(`arrays/${file}: data_offsets: outside the file`);
  return bytes.subarray(start + begin, start + end);
}

const unpacked = new Map(); // idx files: magic number and dimensions, 32 bits each, then a byte for each value
function fromDataset(root, { dataset, part, scaling, rows }) {
  const what = `${part}_${scaling === "one-hot" ? "labels" : "images"}`;
  const { name, shape, size } = json(root, "datasets/index.json").datasets[dataset].files.find((f) => f.what === what);
  const path = join(root, "datasets", dataset, name), width = product(shape.slice(1));
  if (!unpacked.has(path)) unpacked.set(path, gunzipSync(readFileSync(path), { maxOutputLength: size }));
  const bytes = unpacked.get(path).subarray(4 + 4 * shape.length);
  return rows.flatMap(scaling === "one-hot" ? (row) => Array.from({ length: 10 }, (_, k) => Number(bytes[row] === k))
    : (row) => [...bytes.subarray(row * width, (row + 1) * width)].map(SCALINGS[scaling]));
}

export function readArray(root, array) { // its numbers in row-major order, verified against its digest
  const type = TYPES[array.dtype], [, size, suffix] = type, get = `read${suffix}`, count = product(array.shape);
  const bytes = array.file ? fromTensor(root, array, type) : fromList(array.data ?? fromDataset(root, array), type);
  expect("numbers", count, bytes.length / size);
  expect("sha256", array.sha256, sha256(bytes));
  return new Float64Array(count).map((_, i) => bytes[get](i * size));
}

export function readCase(root, id) { // as it stands in its file, and its arrays by field: "evaluation.gradients.W1"
  const record = json(root, `${id}.json`), arrays = {};
  const walk = (value, field) => {
    if (value?.sha256) arrays[field] = at(field, () => readArray(root, value));
    else if (typeof value === "object") for (const key in value) walk(value[key], field ? `${field}.${key}` : key);
  };
  expect("id", id, record.id);
  walk(record, "");
  return { record, arrays };
}

export function verify(root = fileURLToPath(new URL("../../fixtures", import.meta.url))) { // files, then cases
  const { files, cases } = at("index.json", () => json(root, "index.json"));
  for (const { path, sha256: digest } of files) at(path, () => expect("sha256", digest, sha256(read(root, path))));
  const arrays = cases.flatMap(({ id }) => Object.keys(at(`${id}.json`, () => readCase(root, id).arrays)));
  return `${files.length} files, ${cases.length} cases, ${arrays.length} arrays verified`;
}

if (realpathSync(process.argv[1] ?? ".") === fileURLToPath(import.meta.url)) {
  try { console.log(verify(process.argv[2])); } catch (error) { console.log(error.message); process.exitCode = 1; }
}
