// Runs samples as they stand, one after the other, and says of each whether it worked and what it printed.
import { createInterface } from "node:readline";
import { inspect } from "node:util";

const AsyncFunction = (async () => {}).constructor;

for await (const line of createInterface({ input: process.stdin })) {
  const { source, env } = JSON.parse(line);
  Object.assign(process.env, env);
  const said = [];
  const console = { log: (...values) => said.push(values.map((value) => inspect(value)).join(" ")) };
  let worked = true;
  try {
    await new AsyncFunction("console", source)(console);
  } catch (error) {
    worked = false;
    said.push(String(error.stack));
  }
  process.stdout.write(JSON.stringify({ worked, said: said.join("\n") }) + "\n");
}
