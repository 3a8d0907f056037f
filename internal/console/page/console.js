// Shows what this instance says of itself, and asks again every other second.
// Whatever an event brought is set as text, never as markup.
"use strict";

const every = 2000, patience = 5000; // milliseconds
const priorities = ["critical", "high", "normal", "low"];
const byId = (id) => document.getElementById(id);
let heard; // when the instance answered last

// Unwell is an answer that says nothing.
class Unwell extends Error {}

// ask returns the body of an answer, or undefined where there is no such thing here.
async function ask(path, read, wellWith = []) {
  const answer = await fetch(path, {signal: AbortSignal.timeout(patience), cache: "no-store"});
  if (answer.status === 404) return undefined;
  if (!answer.ok && !wellWith.includes(answer.status)) throw new Unwell(`${path} answered ${answer.status}`);
  return answer[read]();
}

async function refresh() {
  try {
    // A 503 of readyz is an answer: it says what is wrong.
    const [status, checks, approvals] = await Promise.all([
      ask("api/v1/status", "json"), ask("readyz?verbose", "text", [503]),
      ask("api/v1/approvals", "json").catch(() => ({unknown: "This instance cannot say what waits for people."})),
    ]);
    heard = new Date();
    if (!marking()) show(status, checks, approvals);
    say("alarm", "");
  } catch (error) {
    const what = error instanceof Unwell ? "This instance cannot say how it is" : "No answer from this instance";
    say("alarm", `${what}${heard ? ` since ${clock(heard)}; below is what it said then` : ""} (${error.message}).`);
  }
  setTimeout(refresh, every);
}

// marking says whether a text is being marked, to be copied: what is drawn anew takes
// the mark away.
function marking() {
  const mark = getSelection();
  return mark.type === "Range" && document.querySelector("main").contains(mark.anchorNode);
}

function show(status, checks, approvals) {
  byId("asof").textContent = clock(heard);
  byId("state").textContent = status.state;
  byId("rules").textContent = `rules ${status.rules_version}`;
  byId("checks").replaceChildren(...checks.split("\n").filter((line) => /^\[[+-]\]/.test(line)).map((line) => {
    const item = make("li", line.slice(3));
    item.classList.toggle("bad", line[1] === "-");
    return item;
  }));
  byId("elsewhere").hidden = status.state !== "standby";
  document.body.classList.toggle("lanes", status.lanes.length > 1);
  byId("lanes").replaceChildren(...status.lanes.flatMap(laneOf));
  showApprovals(approvals);
  byId("pushes").replaceChildren(...status.pushes.toReversed().map(pushOf));
  byId("pushes-part").hidden = !status.lanes.some((lane) => "used" in lane); // who knows the budget knows them
  byId("no-pushes").hidden = status.pushes.length > 0;
  const ended = Object.entries(status.ended);
  byId("ended").replaceChildren(...ended.map(([how, n]) => {
    const box = make("div", how);
    box.append(make("b", String(n)));
    return box;
  }));
  byId("none-ended").hidden = ended.length > 0;
}

// laneOf shows a lane. What the instance does not know, it leaves out of its answer.
function laneOf(lane) {
  const part = byId("lane").content.cloneNode(true);
  const set = (selector, text) => { part.querySelector(selector).textContent = text; };
  set("h2", `Lane ${lane.lane}, app ${lane.sdkappid}`);
  say(part.querySelector(".blocked"), lane.blocked ?? "");
  set(".used", lane.used ?? "?");
  set(".quota", `of ${lane.quota}`);
  const meter = part.querySelector("meter");
  Object.assign(meter, {max: lane.quota, low: 0.8 * lane.quota, high: 0.95 * lane.quota, optimum: 0, value: lane.used ?? 0});
  meter.setAttribute("aria-label", `${lane.used ?? "not known how many"} of ${lane.quota} calls`);
  set(".left-calls", lane.remaining ?? "?");
  set(".exhausted", exhaustion(lane));
  set(".next", lane.next_call ? away(lane.next_call) : "?");
  set(".breaker", `breaker ${lane.breaker}`);
  const pending = priorities.map((p) => [p, lane.pending?.[p] ?? 0]), total = pending.reduce((sum, [, n]) => sum + n, 0);
  set(".pending", lane.pending ? total : "?");
  set(".priorities", pending.filter(([, n]) => n > 0).map(([priority, n]) => `${n} ${priority}`).join(", "));
  set(".batches", lane.batches ?? "?");
  set(".merged", lane.batches > 0 ? `${(total / lane.batches).toFixed(1)} events a call` : "");
  say(part.querySelector(".pools"), (lane.pools ?? []).map(poolOf).join(" · "));
  const waiting = lane.waiting ?? [];
  part.querySelector("table").hidden = waiting.length === 0;
  part.querySelector("tbody").replaceChildren(...waiting.map((batch) => row([
    [batch.audience], [batch.rule, "short"], [batch.priority, "short"], [batch.events, "number"], [batch.waits_for], until(batch.until_at_the_latest),
  ])));
  const more = lane.batches - waiting.length;
  say(part.querySelector(".more"), waiting.length > 0 && more > 0 ? `and ${more} more` : "");
  return [...part.children];
}

function exhaustion(lane) {
  if (lane.remaining === undefined) return "";
  if (lane.exhausted_in_seconds === undefined) return "none in the last hour";
  if (lane.remaining === 0) return "until some come back";
  return `${span(1000 * lane.exhausted_in_seconds)} at the pace of the last hour`;
}

function poolOf(pool) {
  const bounds = [pool.at_least && `at least ${pool.at_least}`, pool.at_most && `at most ${pool.at_most}`].filter(Boolean);
  return `pool ${pool.pool}: ${pool.used} used${bounds.length ? ` (${bounds.join(", ")})` : ""}`;
}

function showApprovals(approvals) {
  say("approvals-unknown", approvals?.unknown ?? "");
  const waiting = approvals?.waiting ?? [];
  byId("approvals-part").hidden = waiting.length === 0;
  if (waiting.length === 0) return;
  byId("approvals-note").textContent = approvals.total > waiting.length ? `the first ${waiting.length} of ${approvals.total}` : "";
  byId("approvals").replaceChildren(...waiting.map((a) => {
    const line = row([[a.text], [a.rule], [a.audience.join(", ")], [a.events, "number"], [`${a.approved?.length ?? 0} of ${a.by}`, "number"], until(a.until), [""]]);
    line.lastChild.append(make("code", `bridge approve grant ${a.id} --comment "…"`));
    return line;
  }));
}

function pushOf(push) {
  const line = row([
    [ago(push.at), "short", push.at], [push.class, "short"], [push.why, "short"], [push.events, "number"], [push.messages, "number"],
    [push.audience], [push.rules.join(", "), push.rules.length > 1 ? "" : "short"], [push.lane, "short lane"], [push.push_id, "short", push.task_id ? `task ${push.task_id}` : ""],
  ]);
  line.classList.toggle("bad", push.class !== "ok");
  return line;
}

// row makes a table's line of [text, kind of cell, what it says when pointed at].
function row(cells) {
  const line = document.createElement("tr");
  for (const [text, kind = "", title = ""] of cells) {
    const cell = make("td", String(text));
    cell.className = kind === "number" ? "" : `left ${kind}`;
    if (title) cell.title = title;
    line.append(cell);
  }
  return line;
}

function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// say shows a text in an element that is hidden where there is none.
function say(where, text) {
  const element = typeof where === "string" ? byId(where) : where;
  if (element.textContent !== text) element.textContent = text; // what is read aloud is not repeated
  element.hidden = text === "";
}

const until = (at) => at ? [away(at), "short", at] : ["not known", "short faint"];
const clock = (date) => date.toLocaleTimeString();
const away = (at) => Date.parse(at) < Date.now() + 500 ? "now" : `in ${span(Date.parse(at) - Date.now())}`;
const ago = (at) => `${span(Date.now() - Date.parse(at))} ago`;

// span says a number of milliseconds with two units at most.
function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 2 * 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ""}`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor(s % 3600 / 60)} min` : ""}`;
  return `${Math.floor(s / 86400)} days`;
}

refresh();
