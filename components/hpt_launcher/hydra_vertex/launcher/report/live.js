"use strict";
/* The script of a live page: it receives sections, gives them to `window.hydraVertex.apply`, and has the buttons. */
(() => {
  const settings = JSON.parse(document.getElementById("live-settings").textContent);
  const byId = (id) => document.getElementById(id);
  const connection = byId("connection");
  const stopStudy = byId("stop-study");
  const log = byId("log");
  const LOG_INTERVAL_MS = 2000;

  let live = settings.live;
  let version = settings.version;
  let events = null;
  let isOver = false;
  let failures = 0;

  const say = (text, state) => {
    if (connection.textContent !== text) connection.textContent = text; // a screen reader reads each change
    connection.dataset.state = state;
  };
  const message = document.createElement("span");
  message.setAttribute("role", "status");
  message.id = "live-message";
  stopStudy.after(message);

  const describe = () => {
    if (live.problem) return say(`not up to date: ${live.problem}`, "problem");
    if (live.isRunning) return say("live: this page follows the study", "live");
    say(`the study has ended (${live.state}); this is its last state`, "ended");
  };

  /* The buttons. Those of the trials come with the rows, so their clicks are taken at the table. */
  const showButtons = () => {
    stopStudy.hidden = isOver || !live.isRunning;
    if (isOver) for (const button of document.querySelectorAll("[data-stop]")) button.hidden = true;
    const stopping = new Set(live.stopping);
    for (const button of document.querySelectorAll("[data-stop]")) {
      const isStopping = stopping.has(button.dataset.stop);
      button.disabled = isStopping;
      if (isStopping) button.textContent = "being stopped";
      button.setAttribute("aria-label", `${button.textContent}: trial ${button.dataset.stop}`);
    }
  };
  /* `of` is the study that was on the page when the question was asked. */
  const ask = async (path, of, button) => {
    button.disabled = true;
    message.textContent = "asking the service …";
    try {
      const answer = await fetch(`${path}${path.includes("?") ? "&" : "?"}of=${encodeURIComponent(of)}&${settings.query}`, {
        method: "POST",
        headers: { "X-Hydra-Vertex-Token": settings.token },
      });
      const { message: done, error } = await answer.json();
      message.textContent = error || done;
    } catch {
      message.textContent = "The command does not answer; nothing may have been stopped.";
    }
    button.disabled = false;
  };
  stopStudy.addEventListener("click", () => {
    const running = live.running.length, of = live.name;
    const text = `Stop the study? Its ${running} running ${running === 1 ? "trial is" : "trials are"} ended, and no more are started.`;
    if (confirm(text)) ask("/stop-study", of, stopStudy);
  });
  document.addEventListener("click", (click) => {
    const button = click.target.closest ? click.target.closest("[data-stop]") : null;
    if (!button) return;
    const id = button.dataset.stop, of = live.name;
    if (confirm(`Stop trial ${id}? What it has reported so far counts as its value.`)) {
      ask(`/stop-trial?trial=${encodeURIComponent(id)}`, of, button);
    }
  });
  if (settings.withoutStop) {
    const note = document.createElement("span");
    note.className = "muted";
    note.textContent = settings.withoutStop;
    message.after(note);
  }

  /* The end of a trial's log, read while it is in view. */
  const choice = document.createElement("select");
  choice.id = "log-trial";
  let isChosen = false;
  choice.addEventListener("change", () => {
    isChosen = true;
    readLog();
  });
  const label = document.createElement("label");
  label.append("trial ", choice);
  const line = document.createElement("p");
  line.append(label);
  log.before(line);

  const showChoices = () => {
    const running = new Set(live.running);
    const ids = [...live.running, ...Array.from({ length: live.trials }, (_, at) => String(live.trials - at)).filter((id) => !running.has(id))];
    const options = ids.map((id) => `${id}|${running.has(id)}`).join();
    if (choice.dataset.options === options) return;
    const before = choice.value;
    choice.dataset.options = options;
    choice.replaceChildren(...ids.map((id) => new Option(running.has(id) ? `${id} (running)` : id, id)));
    // Until somebody chooses a trial, the log is that of one that runs.
    choice.value = ids.includes(before) && (isChosen || running.has(before)) ? before : ids[0] || "";
  };
  const showLog = (text) => {
    if (log.textContent === text) return;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.textContent = text;
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  /* Returns null when there is no answer: the connection's own line says that, and the log keeps its last state. */
  const logOf = async (trial) => {
    try {
      const answer = await fetch(`/log?trial=${encodeURIComponent(trial)}&${settings.query}`);
      const { log: text, error } = await answer.json();
      return error || text || "The log is empty so far.";
    } catch {
      return null;
    }
  };
  const readLog = async () => {
    if (!choice.value) return showLog("No trial has started yet.");
    const trial = choice.value, text = await logOf(trial);
    if (choice.value === trial && text !== null) showLog(text);
  };
  if (!settings.hasLogs) {
    line.hidden = true;
    showLog(settings.withoutLog || "This service has no logs of trials.");
  }
  const whileInView = (element, read) => {
    let isInView = false;
    new IntersectionObserver(([seen]) => {
      isInView = seen.isIntersecting;
      if (isInView && !isOver) read();
    }).observe(element);
    setInterval(() => {
      if (live.isRunning && isInView && !document.hidden && !isOver) read();
    }, LOG_INTERVAL_MS);
  };
  if (settings.hasLogs) {
    window.hydraVertexLogs.readFrom(logOf);
    window.hydraVertex.compare();
    whileInView(log.closest("section"), readLog);
    whileInView(byId("compare-logs"), window.hydraVertexLogs.refresh);
  }

  /* The stream. A hidden tab has none: browsers open only six connections to one host. */
  const take = (change) => {
    version = change.lastEventId || version;
    const { live: state, ...sections } = JSON.parse(change.data);
    if (state) live = state;
    window.hydraVertex.apply(sections);
    describe();
    showButtons();
    if (settings.hasLogs) showChoices();
  };
  const end = (text) => {
    isOver = true;
    if (events) events.close();
    say(text, "ended");
    showButtons();
  };
  const connect = () => {
    if (isOver || events) return;
    events = new EventSource(`/events?version=${version}&${settings.query}`);
    events.addEventListener("open", () => {
      failures = 0;
      describe();
    });
    events.addEventListener("sections", take);
    events.addEventListener("ended", (last) => end(JSON.parse(last.data)));
    events.addEventListener("error", () => {
      if (isOver) return;
      if (events && events.readyState === EventSource.CLOSED) {
        return end("The command has ended, or another one has its place. What you see is the last state.");
      }
      failures += 1;
      const guess = failures > 4 ? "the command has probably ended" : "the connection is lost, and is tried again";
      say(`${guess}; what you see is the last state`, "problem");
    });
  };
  const disconnect = () => {
    if (events) events.close();
    events = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (shown) => shown.persisted && connect());

  describe();
  showButtons();
  if (settings.hasLogs) showChoices();
  if (!document.hidden) connect();
})();
