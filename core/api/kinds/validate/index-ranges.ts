/** Indexes of a Job as text: "1,3-5,7". */

/** How many they are, or what is wrong with them. */
export function countIndexes(text: string, completions: number): number | { readonly wrong: string } {
  if (text === "") return 0;
  let last: number | undefined;
  let total = 0;
  for (const interval of text.split(",")) {
    const ends = interval.split("-");
    if (ends.length > 2) return { wrong: `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'` };
    const numbers: number[] = [];
    for (const end of ends) {
      if (!/^[+-]?\d+$/.test(end)) return { wrong: `cannot convert string to integer for index: "${end}"` };
      const number = Number(end);
      if (number >= completions) return { wrong: `too large index: "${end}"` };
      numbers.push(number);
    }
    const [first = 0, second = first] = numbers;
    if (last !== undefined && last >= first) return { wrong: `non-increasing order, previous: ${last}, current: ${first}` };
    if (ends.length === 2 && first >= second) return { wrong: `non-increasing order, previous: ${first}, current: ${second}` };
    total += second - first + 1;
    last = second;
  }
  return total;
}
