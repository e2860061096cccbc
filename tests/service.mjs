// A service in another language: it knows the command by its exit statuses and its JSON Schemas, and by nothing else.
// Its argument is an object: argument lists of the command, its options, a program that writes events and one that projects
// them, and the file for a plan. It prints everything that it was told.
import { spawn, spawnSync } from "node:child_process";

const { command, options, events, projectors, plan } = JSON.parse(process.argv[2]);
const told = [];
const schemas = {};

function ask(words, status) {
  const done = spawnSync(command[0], [...command.slice(1), ...options, "--json", ...words], { encoding: "utf8" });
  const answer = JSON.parse(done.stdout);
  if (done.stdout.trim().includes("\n")) throw new Error(`more than one line: ${done.stdout}`);
  told.push(answer);
  if (done.status !== status || answer.exit_status !== status) throw new Error(`${words}: ${done.status} ${done.stdout}`);
  const schema = (schemas[answer.command] ??= answer.command === "explain" ? {} : schemaOf(answer.command));
  const wrong = faults(answer, schema, schema, "$");
  if (wrong.length) throw new Error(`${words}: ${wrong.join("; ")}`);
  return answer;
}

const schemaOf = (name) => ask(["explain", "--schema", ...name.split(" ")], 0).result.schemas[name];

// As much of JSON Schema as the printed ones use.
function faults(value, schema, root, at) {
  if (schema === true || schema === undefined) return [];
  if (schema === false) return [`${at}: is not to be there`];
  const found = [];
  if (schema.$ref) found.push(...faults(value, root.$defs[schema.$ref.split("/").pop()], root, at));
  if (schema.anyOf && schema.anyOf.every((one) => faults(value, one, root, at).length)) found.push(`${at}: fits nothing`);
  if ("const" in schema && value !== schema.const) found.push(`${at}: is not ${schema.const}`);
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at}: is none of ${schema.enum}`);
  const type = value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  if (schema.type && schema.type !== type && !(schema.type === "number" && type === "integer")) found.push(`${at}: ${type}`);
  if (type === "array") {
    if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity)) found.push(`${at}: length`);
    value.forEach((one, n) => found.push(...faults(one, schema.prefixItems?.[n] ?? schema.items, root, `${at}[${n}]`)));
  }
  if (type === "object") {
    for (const name of schema.required ?? []) if (!(name in value)) found.push(`${at}.${name}: is missing`);
    const size = Object.keys(value).length;
    if (size < (schema.minProperties ?? 0) || size > (schema.maxProperties ?? Infinity)) found.push(`${at}: size`);
    for (const [name, one] of Object.entries(value))
      found.push(...faults(one, schema.properties?.[name] ?? schema.additionalProperties, root, `${at}.${name}`));
  }
  return found;
}

function run(words) {
  if (spawnSync(words[0], words.slice(1), { stdio: "ignore" }).status !== 0) throw new Error(`failed: ${words}`);
}

async function rebuilt(next) {
  const running = spawn(projectors[0], projectors.slice(1), { stdio: "ignore" });
  const answer = ask([...next, "--timeout", "60"], 0);
  const ended = new Promise((resolve) => running.on("exit", resolve));
  running.kill();
  await ended;
  if (!answer.result.caught_up) throw new Error("exit 0, and not caught up");
}

const missing = ask(["status"], 8);
if (missing.errors[0].code !== "no_database" || !missing.errors[0].retryable) throw new Error("what is missing?");
ask(missing.next_actions[0].slice(1), 0); // it says itself what makes the database
ask(["init"], 0);
if (ask(["migrate"], 0).changed) throw new Error("init had left something pending");
run(events);
await rebuilt(["rebuild", "wait"]);

const planned = ask(["plan", "reset", "--projections", "--out", plan], 0);
const phrase = planned.plan.phrase; // a person has seen planned.plan.destroys and agreed
const file = planned.next_actions[0].slice(1);
if (ask(file, 3).errors[0].code !== "not_confirmed") throw new Error("applied without consent");
const applied = ask([...file, "--confirm", phrase], 0);
if (!applied.changed || applied.plan.digest !== planned.plan.digest) throw new Error("that was another plan");
if (ask([...file, "--confirm", phrase], 7).errors[0].code !== "plan_already_applied") throw new Error("applied twice");
await rebuilt(applied.next_actions[0].slice(1));
console.log(JSON.stringify(told));
