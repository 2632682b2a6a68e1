// Keeps the dashboard fresh: swaps the pieces that the server sends, and says how fresh they are.

const SILENCE = 12_000; // milliseconds without a word after which what one sees is called stale; a beat comes every 5 s

const main = document.querySelector("main[data-events]");
const freshness = document.getElementById("freshness");
const pause = document.getElementById("pause");
const alarm = document.getElementById("alarm");

let source = null;
let paused = false;
let heardAt = 0;
let clock = "";

function say(state, text) {
  if (freshness.dataset.state === state && state !== "stale") return; // a screen reader hears changes only
  freshness.dataset.state = state;
  freshness.textContent = text;
}

function swap(element, html) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...element.querySelectorAll("details[open]")].map((one) => one.id);
  const scrolled = [...element.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const region = document.activeElement?.matches(".scroll") && element.contains(document.activeElement);
  element.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  element.querySelectorAll(".scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] ?? 0; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  else if (region) element.querySelector(".scroll")?.focus({ preventScroll: true });
}

function take(message) {
  heardAt = performance.now();
  clock = message.at;
  say("live", "live");
  if (alarm.innerHTML !== message.alarm) alarm.innerHTML = message.alarm;
  for (const { name, at, html } of message.panels) {
    const panel = document.getElementById(`panel-${name}`);
    if (!panel) continue;
    const stamp = panel.querySelector("[data-at]");
    if (stamp.innerHTML !== at) stamp.innerHTML = at;
    if (html !== undefined) swap(panel.querySelector("[data-body]"), html);
  }
}

function connect() {
  if (source || paused || document.hidden) return;
  say("connecting", "connecting …");
  heardAt = performance.now();
  source = new EventSource(main.dataset.events);
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onerror = () => {
    if (source?.readyState === EventSource.CLOSED) {
      // The server answered with something else: who looked was logged out, or it is starting. Try again by hand.
      disconnect();
      say("stale", `stale since ${clock || "it was loaded"}: load the page again`);
      setTimeout(connect, 10_000);
    } else {
      say("connecting", `reconnecting; last heard of at ${clock || "–"} UTC`);
    }
  };
}

function disconnect() {
  source?.close();
  source = null;
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) {
    disconnect();
    say("paused", `paused at ${clock || "–"} UTC`);
  } else {
    connect();
  }
});

// Nobody sees a hidden page: it costs nothing then.
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));

setInterval(() => {
  if (source && performance.now() - heardAt > SILENCE) say("stale", `stale since ${clock || "–"} UTC`);
}, 1000);

pause.hidden = false;
connect();
