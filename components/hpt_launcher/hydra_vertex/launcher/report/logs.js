"use strict";
/* Shows the ends of the logs of the two compared trials: packed in the page, or read from a live page's service. */
window.hydraVertexLogs = (() => {
  const byId = (id) => document.getElementById(id);
  const SIDES = ["left", "right"], READING = "reading the log …";
  let compared = { ids: [], reasons: [] };
  let packed = "", unpacked = Promise.resolve({ ends: {}, leftOut: [] });
  let readLive = null;

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  /* A log that is not here: a failed trial has the end of it in its reason. */
  const absent = (reason, text) => reason.split("\n").slice(1).join("\n") || text;
  const packedLog = async (id, reason) => {
    try {
      const { ends, leftOut } = await unpacked;
      if (Object.hasOwn(ends, id)) return ends[id] || "The log is empty.";
      return absent(reason, leftOut.includes(id) ? "The log is left out, so that the page stays small." : "There is no log of this trial.");
    } catch {
      return absent(reason, "This browser cannot unpack the logs of the page; a newer one can.");
    }
  };
  const put = (place, id, text) => {
    const isOther = place.dataset.trial !== id;
    if (!isOther && place.textContent === text) return;
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
    place.dataset.trial = id;
    place.textContent = text;
    if (isOther || isAtEnd) place.scrollTop = place.scrollHeight;
  };
  const refresh = () => compared.ids.forEach(async (id, at) => {
    const place = byId("log-" + SIDES[at]), reason = compared.reasons[at];
    byId("log-" + SIDES[at] + "-title").textContent = "The end of the log of trial " + id;
    if (place.dataset.trial !== id) put(place, id, READING);
    const text = readLive ? await readLive(id) : await packedLog(id, reason);
    const isLost = text === null && place.textContent === READING;
    if (compared.ids[at] === id && (text !== null || isLost)) put(place, id, text ?? "The log cannot be read now.");
  });
  /* Shows the logs of two trials, if there are any. Returns whether there are. */
  const show = (ids, reasons, text) => {
    if (text !== packed) {
      packed = text;
      unpacked = unpack(text);
      unpacked.catch(() => {});
    }
    const isOther = ids.join() !== compared.ids.join();
    compared = { ids, reasons };
    const hasLogs = Boolean(packed || readLive);
    byId("compare-logs").hidden = !hasLogs;
    byId("log-right").parentNode.hidden = ids.length < 2;
    if (hasLogs && (isOther || !readLive)) refresh();
    return hasLogs;
  };
  /* Takes the logs from a function of the trial's id; null leaves the text as it is. */
  const readFrom = (read) => {
    readLive = read;
    byId("compare-logs").hidden = !compared.ids.length;
    refresh();
  };
  return { show, refresh, readFrom };
})();
