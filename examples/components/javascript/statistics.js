// Statistics of the numbers in the arguments, as JSON: `statistics 1 2 3`. UNIT is added when the pod sets it.
import environment from "wasi:cli/environment@0.2.0";
import stdout from "wasi:cli/stdout@0.2.0";

const bytesOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

export const run = {
  run() {
    const numbers = environment.getArguments().slice(1).map(Number);
    if (numbers.length === 0 || numbers.some(Number.isNaN)) throw undefined;
    const unit = new Map(environment.getEnvironment()).get("UNIT");
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    const deviation = Math.sqrt(numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / numbers.length);
    const found = { count: numbers.length, mean, deviation, ...(unit === undefined ? {} : { unit }) };
    stdout.getStdout().blockingWriteAndFlush(bytesOf(`${JSON.stringify(found)}\n`));
  },
};
