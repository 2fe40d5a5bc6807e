import test from "ava";
import { messageGrants, parseFilters } from "../../core/wire/message-grants.ts";
import { filterProblem, filterWithin, topicMatches, topicProblem } from "../../core/wire/topic-filter.ts";

// MQTT 3.1.1 §4.7.1, with its own examples' shapes
const matching = [["a", "a"], ["a/b", "a/b"], ["#", "a/b/c"], ["a/#", "a"], ["a/#", "a/b/c"], ["+", "a"], ["a/+", "a/b"], ["+/+", "/a"], ["/+", "/a"], ["a/+/c", "a/b/c"], ["a/+", "a/"], ["+/b/#", "a/b"]];
const apart = [["a", "b"], ["a", "a/b"], ["a/b", "a"], ["+", "/a"], ["a/+", "a"], ["a/+", "a/b/c"], ["a/#", "ab"], ["a/+/c", "a/b/d"], ["A", "a"], ["a/b/#", "a"]];

for (const [filter = "", topic = ""] of matching) test(`${filter} is also ${topic}`, (t) => t.true(topicMatches(filter, topic)));
for (const [filter = "", topic = ""] of apart) test(`${filter} is not ${topic}`, (t) => t.false(topicMatches(filter, topic)));

test("a filter is granted when all of its topics are", (t) => {
  for (const [granted = "", asked = ""] of [["#", "a/#"], ["a/#", "a/+/c"], ["a/+", "a/b"], ["a/+", "a/+"], ["a", "a"], ["a/#", "a"], ["+/#", "a/b"]]) t.true(filterWithin(granted, asked), `${granted} ${asked}`);
  for (const [granted = "", asked = ""] of [["a/#", "#"], ["a/+", "a/#"], ["a/b", "a/+"], ["a", "+"], ["a/+", "a"], ["+", "#"], ["a/+/c", "a/+/+"]]) t.false(filterWithin(granted, asked), `${granted} ${asked}`);
});

test("what is no topic and no filter is said to be none", (t) => {
  for (const topic of ["", "a/+", "#", "a\0b", "x".repeat(257), "a/".repeat(16)]) t.truthy(topicProblem(topic), topic);
  for (const filter of ["", "a#", "#/a", "a/b+", "a/#/b"]) t.truthy(filterProblem(filter), filter);
  for (const text of ["a", "/", "a/b c/ü"]) t.is(topicProblem(text) ?? filterProblem(text), undefined);
});

test("annotations are lists of filters; one that is none grants nothing", (t) => {
  t.deepEqual(messageGrants({ "wasi.lichen.dev/publish": "a/+, b", "wasi.lichen.dev/subscribe": "#" }), { publish: ["a/+", "b"], subscribe: ["#"] });
  t.deepEqual(messageGrants({ "wasi.lichen.dev/publish": "a, b#" }), { publish: [], subscribe: [] });
  t.throws(() => parseFilters("a, b#"), { message: /stand for whole levels/ });
});
