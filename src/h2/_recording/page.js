"use strict";
(() => {
const recording = JSON.parse(document.getElementById("recording").textContent);
const byId = (id) => document.getElementById(id);
const make = (tag, text = "", name = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = name;
  return element;
};

// --- from frames to drawings ---

const KINDS = ["HEADERS", "DATA", "WINDOW_UPDATE", "SETTINGS", "RST_STREAM", "GOAWAY", "PING", "other"];
const kindOf = (type) => {
  if (type === "CONTINUATION" || type === "PUSH_PROMISE") return "HEADERS";
  return KINDS.includes(type) ? type : "other";
};

// A window as steps [at, octets]: how much may still be sent in one direction.
class Window {
  constructor(at, octets) {
    this.octets = octets;
    this.steps = [[at, octets]];
    this.used = octets <= 0;  // whether it is worth showing
  }
  change(at, octets) {
    this.octets += octets;
    this.steps.push([at, this.octets]);
    if (this.octets <= 0) this.used = true;
  }
  take(at, octets) { this.change(at, -octets); this.used = true; }
}

// All that is known about a connection. Direction true: sent by this end.
function study(connection) {
  const frames = connection.frames;
  const end = frames.length ? frames[frames.length - 1].at : 0;
  const initial = { true: 65535, false: 65535 };  // windows of new streams
  const announced = { true: [], false: [] };  // SETTINGS not acknowledged yet, by sender
  const streams = new Map();
  const stream = (id, at) => {
    if (!streams.has(id)) {
      streams.set(id, {
        id, began: at, frames: [], request: null, response: null, ended: {}, first: {}, last: {},
        content: { true: 0, false: 0 }, blocked: [], error: "",
        windows: { true: new Window(at, initial.true), false: new Window(at, initial.false) },
      });
    }
    return streams.get(id);
  };
  const whole = stream(0, 0);
  // SETTINGS_INITIAL_WINDOW_SIZE limits what the other end may send on a stream.
  const apply = (sender, pairs, at) => {
    for (const [name, value] of pairs) {
      if (name !== "INITIAL_WINDOW_SIZE") continue;
      const change = value - initial[!sender];
      initial[!sender] = value;
      for (const one of streams.values()) if (one.id) one.windows[!sender].change(at, change);
    }
  };
  for (const frame of frames) {
    const { at, sent, type } = frame;
    const on = stream(frame.stream, at);
    on.frames.push(frame);
    on.last[sent] = at;
    if (type === "SETTINGS") {
      if (!frame.flags.includes("ACK")) announced[sent].push(frame.settings || []);
      else apply(!sent, announced[!sent].shift() || [], at);
    } else if (type === "WINDOW_UPDATE") {
      on.windows[!sent].change(at, frame.increment || 0);
    } else if (type === "DATA") {
      on.windows[sent].take(at, frame.length);
      whole.windows[sent].take(at, frame.length);
      on.content[sent] += frame.content || 0;
      if (on.first[sent] === undefined) on.first[sent] = at;
    } else if (type === "HEADERS" && frame.fields) {
      const fields = new Map(frame.fields);
      if (fields.has(":method")) { on.request = fields; on.asked = at; on.client = sent; }
      else if (fields.has(":status") && !/^1/.test(fields.get(":status"))) {
        on.response = fields;
        on.answered = at;
        if (on.client === undefined) on.client = !sent;
      }
    } else if (type === "PUSH_PROMISE" && frame.promised && frame.fields) {
      const promised = stream(frame.promised, at);
      promised.request = new Map(frame.fields);
      promised.asked = at;
      promised.client = !sent;
      promised.ended[!sent] = at;
    } else if (type === "RST_STREAM") {
      on.error = frame.error || "";
      on.ended[true] = on.ended[true] ?? at;
      on.ended[false] = on.ended[false] ?? at;
    }
    if (frame.flags.includes("END_STREAM")) on.ended[sent] = on.ended[sent] ?? at;
  }
  for (const one of streams.values()) if (one.id) phases(one, whole, end);
  return { frames, end, whole, streams: [...streams.values()].filter((one) => one.id) };
}

// The phases of a stream: [from, to, phase]. Blocked: it has content but no window for it.
function phases(one, whole, end) {
  const client = one.client ?? true;
  const asked = one.asked ?? one.began;
  const requested = one.ended[client] ?? one.answered ?? end;
  const answered = one.answered ?? one.ended[!client] ?? end;
  const done = one.ended[!client] ?? end;
  one.spans = [];
  const span = (from, to, phase) => { if (to > from) one.spans.push([from, to, phase]); };
  span(asked, requested, "request");
  // If content comes long after the header section, others went first or there was no window.
  const begun = Math.max(answered, Math.min(done, one.first[!client] ?? answered));
  span(Math.max(asked, requested), begun, "waiting");
  span(begun, done, "response");
  for (const way of [true, false]) {
    const from = way === client ? asked : answered;
    const to = one.ended[way] ?? end;
    if (one.first[way] === undefined && one.windows[way].octets > 0) continue;
    for (const [window, why] of [[one.windows[way], "stream"], [whole.windows[way], "connection"]]) {
      // Complete content needs no window.
      const steps = window.steps;
      for (let i = 0; i < steps.length; i++) {
        if (steps[i][1] > 0) continue;
        const begin = Math.max(from, steps[i][0]);
        const stop = Math.min(to, i + 1 < steps.length ? steps[i + 1][0] : end);
        if (stop > begin) one.blocked.push([begin, stop, why]);
      }
    }
  }
  one.finished = Math.max(one.ended[true] ?? end, one.ended[false] ?? end);
}

// --- text ---

const size = (octets) => {
  if (octets >= 1e6) return `${(octets / 1e6).toFixed(1)} MB`;
  return octets >= 1e4 ? `${(octets / 1e3).toFixed(0)} kB` : `${octets} B`;
};
const moment = (at, unit) => {
  if (unit !== "seconds") return `${Math.round(at)} octets`;
  return at >= 1 ? `${at.toFixed(3)} s` : `${(1000 * at).toFixed(at < 0.1 ? 2 : 1)} ms`;
};
const nameOf = (one) => {
  if (!one.id) return "frames on stream 0";
  const request = one.request;
  if (!request) return "";
  return `${request.get(":method") || ""} ${request.get(":path") || request.get(":authority") || ""}`;
};
const resultOf = (one) => {
  const parts = [];
  if (one.response) parts.push(one.response.get(":status"));
  if (one.error) parts.push(one.error);
  for (const [way, mark] of [[true, "↑"], [false, "↓"]]) {
    if (one.content[way]) parts.push(`${mark} ${size(one.content[way])}`);
  }
  return parts.join(" ");
};

// --- drawing ---

let colors = {};
const color = (name) => colors[name] ||
  (colors[name] = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
// In a row: its height, the middle and half the height of the lane, and the lane of windows.
const HEIGHT = 56, TOP = 12, HALF = 10, GRAPH = 34, BOTTOM = 53;

function mark(context, kind, x, middle, sent, length = 16384) {
  const away = sent ? -1 : 1;
  const y = middle + away * 5;
  context.fillStyle = context.strokeStyle = color(kind);
  context.beginPath();
  if (kind === "DATA") {
    const height = 2 + 7 * Math.min(1, Math.sqrt(length / 16384));
    context.fillRect(x - 0.75, sent ? middle - height : middle, 1.5, height);
  } else if (kind === "HEADERS") context.fillRect(x - 3, y - 3, 6, 6);
  else if (kind === "WINDOW_UPDATE") {
    context.moveTo(x, y - 4); context.lineTo(x + 4, y + 3); context.lineTo(x - 4, y + 3);
    context.fill();
  } else if (kind === "SETTINGS") {
    context.moveTo(x, y - 4); context.lineTo(x + 4, y); context.lineTo(x, y + 4);
    context.lineTo(x - 4, y); context.fill();
  } else if (kind === "RST_STREAM" || kind === "GOAWAY") {
    const arm = kind === "GOAWAY" ? 4 : 3;
    context.lineWidth = 2;
    context.moveTo(x - arm, y - arm); context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm); context.lineTo(x - arm, y + arm);
    context.stroke();
  } else if (kind === "PING") { context.arc(x, y, 3, 0, 7); context.fill(); }
  else { context.lineWidth = 1.5; context.arc(x, y, 3, 0, 7); context.stroke(); }
}

function prepare(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

const PAINT = {
  request: "request", waiting: "waiting", response: "response", blocked: "blocked",
};
function paint(context, phase, x, y, width, height) {
  context.fillStyle = color(PAINT[phase]);
  if (phase !== "waiting" && phase !== "blocked") {
    context.globalAlpha = 0.55;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
    return;
  }
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = phase === "waiting" ? 0.5 : 1;
  if (phase === "waiting") context.fillRect(x, y + height / 2 - 2, width, 4);
  else {
    context.fillStyle = color("lane");
    context.fillRect(x, y, width, height);
    context.strokeStyle = color("blocked");
    context.lineWidth = 1.5;
    context.beginPath();
    for (let at = x - height - (x % 5); at < x + width; at += 5) {
      context.moveTo(at, y + height); context.lineTo(at + height, y);
    }
    context.stroke();
  }
  context.restore();
}

// --- state ---

let study_ = null, unit = "seconds", from = 0, to = 1, hidden = new Set(), rows = [], chosen = null;
const duration = () => Math.max(study_.end, 1e-6);
const xOf = (at, width) => (width - 8) * (at - from) / (to - from) + 4;
const atOf = (x, width) => from + (to - from) * (x - 4) / (width - 8);

// The first index in an ordered list whose time is not before this one.
function firstAt(list, at, time) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(list[middle]) < at) low = middle + 1; else high = middle;
  }
  return low;
}

function drawRow(row) {
  const { canvas, one } = row;
  const width = canvas.clientWidth;
  if (!width) return;
  const context = prepare(canvas, width, HEIGHT);
  const middle = TOP;
  context.fillStyle = color("lane");
  context.fillRect(0, middle - HALF, width, 2 * HALF);
  for (const [begin, stop, phase] of one.spans || []) {
    const x = xOf(begin, width), end = xOf(stop, width);
    if (end >= 0 && x <= width) {
      const left = Math.max(x, -9), right = Math.min(end, width + 9);
      paint(context, phase, left, middle - HALF, Math.max(1, right - left), 2 * HALF);
    }
  }
  for (const [begin, stop] of one.blocked) {
    const x = Math.max(xOf(begin, width), -9), end = Math.min(xOf(stop, width), width + 9);
    if (end > x) paint(context, "blocked", x, middle - HALF, Math.max(1.5, end - x), 2 * HALF);
  }
  drawWindows(context, one, width);
  context.fillStyle = color("line");
  context.fillRect(0, middle - 0.5, width, 1);
  const frames = one.frames;
  const taken = new Set();  // overlapping marks are drawn once
  for (let i = firstAt(frames, from, (f) => f.at) ; i < frames.length && frames[i].at <= to; i++) {
    const frame = frames[i], kind = kindOf(frame.type);
    if (hidden.has(kind)) continue;
    const x = xOf(frame.at, width);
    const spot = `${kind}${frame.sent}${Math.round(x * 2)}`;
    if (taken.has(spot)) continue;
    taken.add(spot);
    mark(context, kind, x, middle, frame.sent, frame.length);
  }
  if (chosen && chosen.row === row) {
    const x = xOf(chosen.frame.at, width);
    context.strokeStyle = color("ink");
    context.lineWidth = 1;
    context.strokeRect(x - 6, middle + (chosen.frame.sent ? -11 : -1), 12, 12);
  }
  row.drawn = true;
}

function drawWindows(context, one, width) {
  const used = [true, false].filter((way) => one.windows[way].used);
  context.fillStyle = color("line");
  if (used.length) context.fillRect(0, BOTTOM, width, 0.5);
  const scale = (octets, most) => BOTTOM - (BOTTOM - GRAPH) * Math.max(0, octets) / most;
  used.forEach((way, place) => {
    const steps = one.windows[way].steps;
    let most = 1;
    for (const [, octets] of steps) most = Math.max(most, octets);
    context.strokeStyle = context.fillStyle = color(way ? "send-window" : "receive-window");
    context.lineWidth = 1.25;
    if (way) context.setLineDash([5, 2]);
    context.beginPath();
    let i = Math.max(0, firstAt(steps, from, (step) => step[0]) - 1);
    let y = scale(steps[i][1], most), column = -1;
    context.moveTo(xOf(Math.max(from, steps[i][0]), width), y);
    for (; i < steps.length && steps[i][0] <= to; i++) {
      const x = xOf(steps[i][0], width);
      context.lineTo(x, y);
      y = scale(steps[i][1], most);
      context.lineTo(x, y);
      column = x;
    }
    const end = Math.min(to, one.id ? one.finished : study_.end);
    context.lineTo(Math.max(column, xOf(end, width)), y);
    context.stroke();
    context.setLineDash([]);
    context.font = "10px system-ui, sans-serif";
    context.textAlign = place ? "left" : "right";
    const text = `window ${way ? "↑" : "↓"} up to ${size(most)}`;
    context.fillText(text, place ? 4 : width - 4, GRAPH - 2);
  });
}

function drawAxis() {
  const canvas = document.querySelector("#axis canvas");
  const width = canvas.clientWidth;
  if (!width) return;
  const context = prepare(canvas, width, 22);
  const long = to - from > 2, named = unit !== "seconds" ? "" : long ? " s" : " ms";
  const factor = named === " ms" ? 1000 : 1;
  const span = (to - from) * factor;
  let step = 10 ** Math.floor(Math.log10(Math.max(span, 1e-9) / (width / 90)));
  for (const times of [1, 2, 5, 10]) {
    if (span / (step * times) <= width / 80) { step *= times; break; }
  }
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = color("faint");
  for (let at = Math.ceil(from * factor / step) * step; at <= to * factor + 1e-9; at += step) {
    const x = xOf(at / factor, width);
    context.fillRect(x, 16, 1, 6);
    const text = `${at.toFixed(digits)}${named}`;
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(0, x - half), width - 2 * half), 12);
  }
}

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; drawAll(false); });
}
function drawAll(everything) {
  drawAxis();
  for (const row of rows) if (everything || row.visible) drawRow(row); else row.drawn = false;
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const row = entry.target.row;
    row.visible = entry.isIntersecting;
    if (row.visible && !row.drawn) drawRow(row);
    if (!row.visible && row.drawn) { row.canvas.width = 1; row.drawn = false; }  // frees its pixels
  }
}, { rootMargin: "300px" });

// --- filters ---

function matches(one, text) {
  const wanted = text.split(",").map((part) => part.trim()).filter(Boolean);
  if (!wanted.length || !one.id) return true;
  return wanted.some((part) => {
    const range = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(part);
    if (range) return one.id >= +range[1] && one.id <= +(range[2] || range[1]);
    return nameOf(one).includes(part);
  });
}

function showRows() {
  watcher.disconnect();
  hideTip();
  const shown = [study_.whole, ...study_.streams].filter((one) => matches(one, byId("streams").value));
  rows = shown.map((one) => {
    const element = make("section", "", "row");
    element.tabIndex = 0;
    const name = make("div", "", "name");
    name.append(make("b", one.id ? `${one.id}` : "connection"), make("span", nameOf(one)),
      make("i", resultOf(one)));
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", describe(one));
    element.append(name, canvas);
    const row = { one, element, canvas, visible: false, drawn: false };
    element.row = row;
    listen(row);
    return row;
  });
  byId("rows").replaceChildren(...rows.map((row) => row.element));
  for (const row of rows) watcher.observe(row.element);
  drawAxis();
}

function describe(one) {
  const parts = [`${one.frames.length} frames`];
  for (const [begin, stop, phase] of one.spans || []) {
    parts.push(`${phase} ${moment(stop - begin, unit)}`);
  }
  const blocked = one.blocked.reduce((sum, [begin, stop]) => sum + stop - begin, 0);
  if (blocked) parts.push(`blocked ${moment(blocked, unit)}`);
  return parts.join(", ");
}

// --- a frame in words ---

function tell(row, frame, x, y) {
  const before = chosen && chosen.row;
  chosen = { row, frame };
  if (before && before !== row) drawRow(before);
  drawRow(row);
  const tip = byId("tip");
  const list = document.createElement("dl");
  const line = (name, value) => list.append(make("dt", name), make("dd", value));
  line("at", moment(frame.at, unit));
  if (frame.stream) line("stream", `${frame.stream}`);
  line("length", `${frame.length}`);
  if (frame.flags.length) line("flags", frame.flags.join(" "));
  const known = new Set(["at", "sent", "type", "stream", "length", "flags", "fields", "settings"]);
  for (const [name, value] of Object.entries(frame)) {
    if (!known.has(name) && value !== "") line(name.replace("_", " "), `${value}`);
  }
  for (const [name, value] of frame.settings || []) line(name, `${value}`);
  for (const [name, value] of frame.fields || []) line(name, value);
  if (frame.fields === null) line("fields", "could not be decoded");
  const blocked = row.one.blocked.find(([begin, stop]) => begin <= frame.at && frame.at <= stop);
  if (blocked) line("blocked by", `the window of the ${blocked[2]}`);
  tip.replaceChildren(make("h2", `${frame.type} ${frame.sent ? "sent ↑" : "received ↓"}`), list);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height < innerHeight ? y + 18 : Math.max(8, y - box.height - 14)}px`;
}

function hideTip() {
  byId("tip").hidden = true;
  const row = chosen && chosen.row;
  chosen = null;
  if (row && row.drawn) drawRow(row);
}

function nearest(row, x, y, width) {
  const frames = row.one.frames;
  const sent = y < TOP, reach = 14;
  const start = firstAt(frames, atOf(x - reach, width), (f) => f.at);
  let best = null, least = Infinity;
  for (let i = start; i < frames.length; i++) {
    const away = xOf(frames[i].at, width) - x;
    if (away > reach) break;
    if (hidden.has(kindOf(frames[i].type))) continue;
    const distance = Math.abs(away) + (frames[i].sent === sent ? 0 : 6);
    if (distance < least) { least = distance; best = frames[i]; }
  }
  return best;
}

function listen(row) {
  const { canvas, element } = row;
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const frame = nearest(row, event.clientX - box.left, event.clientY - box.top, box.width);
    if (frame) tell(row, frame, event.clientX, event.clientY); else hideTip();
  };
  canvas.addEventListener("pointermove", (event) => { if (!moving(event)) point(event); });
  canvas.addEventListener("pointerdown", (event) => { hold(event, canvas); point(event); });
  canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, atOf(event.clientX - box.left, box.width));
  }, { passive: false });
  element.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hideTip();
    if (!step) return;
    event.preventDefault();
    const frames = row.one.frames.filter((frame) => !hidden.has(kindOf(frame.type)));
    const here = chosen && chosen.row === row ? frames.indexOf(chosen.frame) : (step > 0 ? -1 : frames.length);
    const frame = frames[here + step];
    if (!frame) return;
    if (frame.at < from || frame.at > to) pan(frame.at - (from + to) / 2);
    const box = canvas.getBoundingClientRect();
    tell(row, frame, box.left + xOf(frame.at, box.width), box.top + TOP);
  });
}

// --- zoom ---

function show(begin, end) {
  const length = Math.min(duration(), Math.max(end - begin, duration() / 1e5));
  from = Math.max(0, Math.min(begin, duration() - length));
  to = from + length;
  redraw();
}
const zoom = (factor, around = (from + to) / 2) =>
  show(around - (around - from) * factor, around + (to - around) * factor);
const pan = (by) => show(from + by, to + by);

const pointers = new Map();  // those currently down
function hold(event, canvas) {
  pointers.set(event.pointerId, event.clientX);
  canvas.setPointerCapture(event.pointerId);
}
function moving(event) {
  if (!pointers.has(event.pointerId)) return false;
  const before = pointers.get(event.pointerId);
  const width = event.target.clientWidth, scale = (to - from) / width;
  const others = [...pointers].filter(([id]) => id !== event.pointerId);
  if (others.length) {  // two fingers
    const other = others[0][1];
    const ratio = Math.abs(before - other) / Math.max(4, Math.abs(event.clientX - other));
    zoom(ratio, atOf(other - event.target.getBoundingClientRect().left, width));
  } else if (Math.abs(event.clientX - before) < 2) return false;
  else pan((before - event.clientX) * scale);
  pointers.set(event.pointerId, event.clientX);
  return true;
}
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, (event) => pointers.delete(event.pointerId));
}

// --- the page ---

function choose(place) {
  const connection = recording.connections[place];
  unit = connection.unit;
  study_ = study(connection);
  from = 0;
  to = duration();
  const octets = { true: 0, false: 0 };
  for (const frame of study_.frames) octets[frame.sent] += frame.length + 9;
  const dropped = connection.dropped ? `, ${connection.dropped} more not recorded` : "";
  byId("summary").textContent = `${connection.title || "connection"}: ` +
    `${study_.streams.length} streams, ${study_.frames.length} frames${dropped}, ` +
    `${size(octets.true)} sent, ${size(octets.false)} received in ${moment(study_.end, unit)}` +
    `${connection.began ? `, recorded ${connection.began.slice(0, 19).replace("T", " ")} UTC` : ""}.`;
  showRows();
}

function legend() {
  const icon = (draw) => {
    const canvas = document.createElement("canvas");
    draw(prepare(canvas, 18, 14));
    return canvas;
  };
  const titles = { other: "others", HEADERS: "HEADERS, PUSH_PROMISE" };
  byId("kinds").replaceChildren(byId("kinds").querySelector("legend"), ...KINDS.map((kind) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !hidden.has(kind);
    box.value = kind;
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(kind); else hidden.add(kind);
      hideTip();
      redraw();
    });
    label.append(box, icon((context) => mark(context, kind, 9, kind === "DATA" ? 11 : 12, true)),
      titles[kind] || kind);
    return label;
  }));
  const words = {
    request: "request is sent", waiting: "waiting for the response", response: "response is sent",
    blocked: "blocked: no window",
  };
  const window_ = (name, dash) => (context) => {
    context.strokeStyle = color(name);
    context.setLineDash(dash);
    context.moveTo(0, 3); context.lineTo(9, 3); context.lineTo(9, 11); context.lineTo(18, 11);
    context.stroke();
  };
  const entries = Object.entries(words).map(([phase, text]) =>
    [(context) => paint(context, phase, 0, 1, 18, 12), text]);
  entries.push([window_("send-window", [5, 2]), "window ↑ for what this end sends"],
    [window_("receive-window", []), "window ↓ for what it receives"]);
  byId("phases").replaceChildren(...entries.map(([draw, text]) => {
    const item = document.createElement("li");
    item.append(icon(draw), text);
    return item;
  }));
}

function recolor() {
  colors = {};
  legend();
  for (const row of rows) row.drawn = false;
  drawAll(false);
}

byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("streams").addEventListener("input", showRows);
byId("in").addEventListener("click", () => zoom(0.5));
byId("out").addEventListener("click", () => zoom(2));
byId("fit").addEventListener("click", () => show(0, duration()));
const select = byId("connection");
recording.connections.forEach((connection, place) => {
  select.append(new Option(connection.title || `${place + 1}`, `${place}`));
});
byId("which").hidden = recording.connections.length < 2;
select.addEventListener("change", () => choose(+select.value));
addEventListener("resize", redraw);
addEventListener("pointerdown", (event) => { if (event.target.tagName !== "CANVAS") hideTip(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  colors = {};
  legend();
  drawAll(true);
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  recolor();
});
if (matchMedia("(max-width: 600px)").matches) byId("legend").open = false;
legend();
const wanted = Math.max(1, Math.min(parseInt(location.hash.slice(1), 10) || 1,
  recording.connections.length));  // page.html#2 shows the second connection
select.value = `${wanted - 1}`;
if (recording.connections.length) choose(wanted - 1);
else byId("summary").textContent = "There was no connection.";
// For tests and for the curious.
window.waterfall = { drawAll, show, zoom, choose, tell, state: () => ({ study: study_, rows, from, to }) };
})();
