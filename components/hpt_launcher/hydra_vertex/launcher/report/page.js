"use strict";
/* Applies the page's sections, draws its figures when they come into view, and sorts, filters and compares trials. */
window.hydraVertex = (() => {
  const embedded = JSON.parse(document.getElementById("report-data").textContent);
  const sections = {};
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  let isDark = prefersDark.matches;
  const byId = (id) => document.getElementById(id);
  const tableBody = () => document.querySelector("#trials tbody");
  const rowOf = (id) => byId("trial-" + id);
  const headTexts = () => [...document.querySelectorAll("#trials thead th")].map((cell) => cell.textContent.trim());

  /* Texts that Plotly displays literally: it interprets some HTML, and `%{…}`. */
  const literal = (text) =>
    text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "&#37;{");
  const clipped = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
  const hovers = new Map();
  const MOST_HOVER_LINES = 12;
  const idOf = (row) => sections.table.data[row];
  const hoverOf = (row) => {
    const id = idOf(row);
    if (!hovers.has(id)) hovers.set(id, buildHover(id));
    return hovers.get(id);
  };
  const buildHover = (id) => {
    const row = rowOf(id);
    if (!row) return "<b>trial " + literal(id) + "</b>";
    const heads = headTexts();
    const lines = ["<b>trial " + literal(id) + "</b> " + literal(row.querySelector(".state").textContent)];
    [...row.cells].forEach((cell, column) => {
      const text = cell.textContent.trim();
      if (column > 1 && text && lines.length <= MOST_HOVER_LINES) {
        lines.push(literal(clipped(heads[column], 44)) + " = " + literal(clipped(text, 44)));
      }
    });
    return lines.join("<br>");
  };

  /* Figures. A trace's `meta` says what is not in it and comes from elsewhere on the page. */
  const drawn = new Set();
  const switched = {};
  const recolour = (value) => {
    if (typeof value === "string") return embedded.darkColours[value] || value;
    if (Array.isArray(value)) return typeof value[0] === "number" && typeof value[value.length - 1] === "number" ? value : value.map(recolour);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item)]));
    }
    return value;
  };
  const curveOf = (id, metric) => ((sections["trial:" + id] || {}).data || { curves: {} }).curves?.[metric];
  const expandCurves = (trace, { metric, trials, marksEnd }) => {
    const x = [], y = [], hovertext = [], sizes = [];
    for (const row of trials) {
      const [steps, values] = curveOf(idOf(row), metric) || [[], []];
      for (let i = 0; i < steps.length; i++) { x.push(steps[i]); y.push(values[i]); hovertext.push(hoverOf(row)); sizes.push(i + 1 < steps.length ? 0 : 8); }
      x.push(null); y.push(null); hovertext.push(""); sizes.push(0);
    }
    return { ...trace, x, y, hovertext, ...(marksEnd ? { marker: { ...trace.marker, size: sizes } } : {}) };
  };
  const expandLines = (trace, { lines, axes }) => {
    const x = [], hovertext = [];
    for (const row of lines) {
      for (let axis = 0; axis < axes; axis++) { x.push(axis); hovertext.push(hoverOf(row)); }
      x.push(null); hovertext.push("");
    }
    return { ...trace, x, hovertext };
  };
  const expand = (trace, choice) => {
    const { meta, ...rest } = trace;
    if (!meta) return trace;
    let found = { ...rest, ...((meta.alternatives || {})[choice] || {}) };
    if (meta.curves) found = expandCurves(found, meta.curves);
    if (meta.lines) found = expandLines(found, meta);
    if (meta.hover) found.hovertext = meta.hover.map(hoverOf);
    return found;
  };
  const axisKey = (letter, number) => letter + "axis" + (number === 1 ? "" : number);
  /* Small panels, as many in a row as the width has room for. */
  const layOutPanels = (layout, { count, width, height }, available) => {
    const columns = Math.max(1, Math.min(count, Math.floor(available / width)));
    const rows = Math.ceil(count / columns);
    const left = 50 / available, right = 14 / available, below = layout.margin.b / (rows * height), above = 10 / (rows * height);
    for (let number = 1; number <= count; number++) {
      const column = (number - 1) % columns, row = Math.floor((number - 1) / columns);
      const x0 = column / columns, y1 = 1 - row / rows;
      layout[axisKey("x", number)].domain = [x0 + (column ? left : 0), x0 + 1 / columns - (column < columns - 1 ? right : 0)];
      layout[axisKey("y", number)].domain = [y1 - 1 / rows + below, y1 - above];
    }
    layout.margin.b = 0;
    layout.height = rows * height + layout.margin.t;
  };
  const draw = (id) => {
    const data = (sections["figure:" + id] || {}).data, place = byId("plot-" + id);
    if (!data || !place || !window.Plotly) return;
    const themed = isDark ? recolour(data.plot) : structuredClone(data.plot);
    const choice = switched[id] || (data.switches.length ? data.switches[0].key : "");
    const layout = themed.layout, width = place.clientWidth;
    for (const one of data.switches) if (one.key === choice) Object.assign(layout.xaxis, one.xaxis, { title: { ...layout.xaxis.title, text: one.title } });
    layout.height = data.heightPx;
    if (data.panels) layOutPanels(layout, data.panels, width - layout.margin.l - layout.margin.r);
    place.style.minHeight = layout.height + "px";
    layout.autosize = false;
    layout.width = width;
    Plotly.react(place, themed.data.map((trace) => expand(trace, choice)), layout, { displaylogo: false, displayModeBar: false });
    drawn.add(id);
  };
  const redraw = () => drawn.forEach(draw);
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const id = entry.target.id.replace(/^plot-/, "");
      if (entry.isIntersecting && !drawn.has(id)) draw(id);
    }
  }, { rootMargin: "300px" });
  const widths = new Map();
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const id = target.id.replace(/^plot-/, "");
      if (drawn.has(id) && widths.get(id) !== target.clientWidth) { widths.set(id, target.clientWidth); draw(id); }
      widths.set(id, target.clientWidth);
    }
  });
  const watchPlot = (id) => {
    const place = byId("plot-" + id);
    if (!place) return;
    observer.observe(place);
    resized.observe(place);
  };
  const drawAll = () => figureIds().forEach(draw);
  const figureIds = () => (sections.figures || { data: [] }).data;

  /* Sections. */
  const fragment = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  };
  const putFigure = (id, html) => {
    const old = byId("figure-" + id), fresh = html && fragment(html).firstElementChild;
    if (!fresh) return;
    if (!old) { byId("figures").append(fresh); return; }
    const plot = old.querySelector(".plot"), place = fresh.querySelector(".plot");
    for (const name of ["aria-label", "style"]) plot.setAttribute(name, place.getAttribute(name));
    place.replaceWith(plot);
    for (const button of fresh.querySelectorAll("[data-switch]")) {
      if (switched[id]) button.setAttribute("aria-pressed", String(button.dataset.switch === switched[id]));
    }
    old.replaceChildren(...fresh.childNodes);
  };
  const putRow = (id, html) => {
    const old = rowOf(id), fresh = html && fragment("<table><tbody>" + html + "</tbody></table>").querySelector("tr");
    if (!fresh) return;
    const wasOpen = old && old.querySelector("details[open]");
    if (wasOpen && fresh.querySelector("details")) fresh.querySelector("details").open = true;
    if (old) old.replaceWith(fresh); else tableBody().append(fresh);
  };
  const applyOne = (key, section) => {
    const [kind, id] = [key.split(":", 1)[0], key.slice(key.indexOf(":") + 1)];
    if (kind === "figure") putFigure(id, section.html);
    else if (kind === "trial") putRow(id, section.html);
    else if (key === "state" && section.data) document.title = section.data.title;
    else if (section.html !== undefined) {
      const place = document.querySelector('[data-section="' + key + '"]');
      if (place) place.innerHTML = section.html;
    }
  };
  const putInOrder = () => {
    const wanted = figureIds(), holder = byId("figures");
    for (const element of [...holder.children]) {
      const id = element.id.replace(/^figure-/, "");
      if (!wanted.includes(id)) { element.remove(); drawn.delete(id); }
    }
    wanted.forEach((id, place) => {
      const element = byId("figure-" + id);
      if (element && holder.children[place] !== element) holder.insertBefore(element, holder.children[place] || null);
    });
  };
  const removeRows = () => {
    const known = new Set(sections.table?.data || []);
    for (const row of [...tableBody().rows]) if (!known.has(row.id.replace(/^trial-/, ""))) row.remove();
    byId("trial-table").hidden = !known.size;
    byId("no-trials").hidden = known.size > 0;
  };
  const apply = (changed) => {
    hovers.clear();
    for (const [key, section] of Object.entries(changed)) {
      sections[key] = { ...sections[key], ...section };
      applyOne(key, section);
    }
    if (changed.figures) putInOrder();
    if (changed.table) { removeRows(); markSorted(); }
    for (const id of figureIds()) watchPlot(id);
    if (Object.keys(changed).some((key) => /^(figure|trial|table)/.test(key))) { redraw(); fillStates(); sortRows(); filterRows(); fillComparison(); }
  };

  /* The table: sorting and filtering. */
  let sorted = { column: 0, isDown: false };
  const keyOf = (cell) => {
    if (!cell) return "";
    const text = cell.dataset.sort === undefined ? cell.textContent.trim() : cell.dataset.sort;
    return text !== "" && isFinite(text) ? Number(text) : text;
  };
  const compareKeys = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  const sortRows = () => {
    const rows = [...tableBody().rows].map((row) => [keyOf(row.cells[sorted.column]), row]);
    const ordered = [...rows].sort(([a], [b]) => (sorted.isDown && a !== "" && b !== "" ? compareKeys(b, a) : compareKeys(a, b)));
    if (ordered.some((item, place) => item !== rows[place])) tableBody().append(...ordered.map(([, row]) => row));
  };
  const markSorted = () => {
    document.querySelectorAll("#trials thead th").forEach((head, column) => {
      if (column === sorted.column) head.setAttribute("aria-sort", sorted.isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  const sortBy = (button) => {
    const head = button.closest("th");
    const column = [...head.parentNode.children].indexOf(head);
    sorted = { column, isDown: sorted.column === column && !sorted.isDown };
    markSorted();
    sortRows();
  };
  const fillStates = () => {
    const select = byId("filter-state"), known = new Map();
    for (const row of tableBody().rows) {
      const name = row.querySelector(".state").className.replace("state ", "");
      known.set(name, (known.get(name) || 0) + 1);
    }
    const options = [...known].map(([name, count]) => new Option(name + " (" + count + ")", name));
    const before = select.value;
    select.replaceChildren(new Option("all", ""), ...options);
    select.value = known.has(before) ? before : "";
  };
  const filterRows = () => {
    const state = byId("filter-state").value, text = byId("filter-text").value.trim().toLowerCase();
    let visible = 0;
    for (const row of tableBody().rows) {
      const fits = (!state || row.dataset.state === state) && (!text || row.textContent.toLowerCase().includes(text));
      row.hidden = !fits;
      visible += fits;
    }
    byId("filter-count").textContent = visible + " of " + tableBody().rows.length + " trials";
  };

  /* One trial beside another. */
  const trialIds = () => sections.table?.data || [];
  const fillComparison = () => {
    const ids = trialIds(), [left, right] = [byId("compare-left"), byId("compare-right")];
    describeComparison(ids);
    if (ids.length < 2) return;
    const best = tableBody().querySelector("tr.is-best"), first = best ? best.id.replace(/^trial-/, "") : ids[0];
    const chosen = [left.value || first, right.value || ids.find((id) => id !== first)];
    [left, right].forEach((select, place) => {
      if (select.options.length !== ids.length) select.replaceChildren(...ids.map((id) => new Option(id, id)));
      select.value = chosen[place];
    });
    compare();
  };
  /* A single trial has nothing beside it, but a log. */
  const describeComparison = (ids) => {
    const isAlone = ids.length === 1 && document.querySelector('[data-section="logs"]').textContent.trim() !== "";
    byId("compared").hidden = ids.length < 2 && !isAlone;
    byId("compared-title").textContent = isAlone ? "The log of the trial" : "One trial beside another";
    for (const id of ["compare-choice", "compare-plots", "compare-values"]) byId(id).hidden = isAlone;
    if (isAlone) showLogs(ids);
  };
  const reasonOf = (id) => (rowOf(id)?.querySelector("details pre") || { textContent: "" }).textContent;
  const showLogs = (ids) => hydraVertexLogs.show(ids, ids.map(reasonOf), sections.logs?.data?.packed || "");
  const textIn = (cell) => (cell.querySelector(".state") || cell).textContent.trim();
  const compare = () => {
    const chosen = [byId("compare-left").value, byId("compare-right").value];
    const rows = chosen.map(rowOf), table = byId("compare-table");
    if (rows.some((row) => !row)) return;
    const headings = ["", "trial " + chosen[0], "trial " + chosen[1], "difference"];
    table.tHead.replaceChildren(rowWith("th", headings.map((text) => text || "value")));
    const lines = headTexts().map((name, column) => {
      const cells = rows.map((row) => row.cells[column]), texts = cells.map(textIn);
      return [name, ...texts, differenceOf(cells, texts)];
    });
    const reasons = chosen.map(reasonOf), hasLogs = showLogs(chosen);
    const reasonTexts = hasLogs ? reasons.map((reason) => reason.split("\n", 1)[0]) : reasons;
    if (reasons.some(Boolean)) lines.push([hasLogs ? "reason" : "reason, with the end of the log", ...reasonTexts, ""]);
    table.tBodies[0].replaceChildren(...lines.slice(1).map((line) => {
      const element = rowWith("td", line);
      if (line[1] !== line[2]) element.className = "differs";
      return element;
    }));
    drawComparison(chosen);
  };
  const differenceOf = (cells, texts) => {
    const [a, b] = cells.map(keyOf);
    if (texts[0] === texts[1] || typeof a !== "number" || typeof b !== "number") return "";
    return Number((b - a).toPrecision(4)).toString();
  };
  const rowWith = (tag, texts) => {
    const row = document.createElement("tr");
    texts.forEach((text, place) => {
      const cell = document.createElement(place === 0 || tag === "th" ? "th" : tag);
      if (cell.tagName === "TH") cell.scope = tag === "th" ? "col" : "row";
      if (text.includes("\n")) cell.append(Object.assign(document.createElement("pre"), { textContent: text }));
      else cell.textContent = text;
      row.append(cell);
    });
    return row;
  };
  const drawComparison = (chosen) => {
    const curves = figureIds().filter((id) => id.startsWith("curves"));
    byId("compare-plots").replaceChildren();
    for (const id of curves) {
      const data = sections["figure:" + id].data, metric = data.plot.data[0].meta.curves.metric;
      if (!chosen.some((trial) => curveOf(trial, metric))) continue;
      const place = document.createElement("div"), plot = isDark ? recolour(data.plot) : structuredClone(data.plot);
      place.setAttribute("role", "img");
      place.setAttribute("aria-label", "learning curves of trial " + chosen.join(" and trial "));
      byId("compare-plots").append(place);
      const styles = [{ color: "var(--accent)", dash: "solid" }, { color: "var(--succeeded)", dash: "dash" }];
      const colours = getComputedStyle(document.documentElement);
      const traces = chosen.map((trial, index) => {
        const [x, y] = curveOf(trial, metric) || [[], []];
        const color = colours.getPropertyValue(styles[index].color.slice(4, -1)).trim();
        return { x, y, type: "scatter", mode: "lines", name: "trial " + literal(trial), line: { color, dash: styles[index].dash, width: 2.5 } };
      });
      const layout = { ...plot.layout, height: 280, width: place.clientWidth, autosize: false, showlegend: true };
      if (window.Plotly) Plotly.react(place, traces, layout, { displaylogo: false, displayModeBar: false });
    }
  };

  /* Events. */
  const copy = async (button) => {
    const source = byId(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "selected";
    }
  };
  const choose = (button) => {
    const id = button.closest(".figure").id.replace(/^figure-/, "");
    switched[id] = button.dataset.switch;
    for (const other of button.parentNode.children) other.setAttribute("aria-pressed", String(other === button));
    draw(id);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copies) copy(button);
    else if (button.dataset.switch) choose(button);
    else if (button.closest("#trials thead")) sortBy(button);
  });
  byId("filter-state").addEventListener("change", filterRows);
  byId("filter-text").addEventListener("input", filterRows);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["compare-left", "compare-right"]) byId(id).addEventListener("change", compare);
  const setTheme = (dark) => { isDark = dark; redraw(); if (trialIds().length > 1) compare(); };
  prefersDark.addEventListener("change", () => setTheme(prefersDark.matches));
  window.addEventListener("beforeprint", () => { isDark = false; drawAll(); });
  window.addEventListener("afterprint", () => setTheme(prefersDark.matches));
  apply(embedded.sections);
  return { apply, drawAll, sections, compare: fillComparison };
})();
