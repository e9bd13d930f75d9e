// Returns what is wrong with the page as it is displayed: each problem as a text. It expects all figures to be drawn.
() => {
  const problems = [];
  const root = document.documentElement, width = root.clientWidth, SLACK = 2;
  const short = (text) => text.trim().replace(/\s+/g, " ").slice(0, 50);
  const boxOf = (element) => element.getBoundingClientRect();
  const isShown = (element) => {
    const box = boxOf(element);
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };

  if (root.scrollWidth > width) problems.push(`the page is ${root.scrollWidth} px wide, in a window of ${width} px`);

  for (const element of document.querySelectorAll("h1, h2, h3, p, dt, dd, li, figcaption, pre, button, label, select, input, summary")) {
    if (element.closest(".scroll") || !isShown(element)) continue;
    const box = boxOf(element);
    if (box.left < -SLACK || box.right > width + SLACK) problems.push(`off-screen: ${short(element.textContent)}`);
    if (element.scrollWidth > element.clientWidth + SLACK && getComputedStyle(element).display !== "inline" && !/^(auto|scroll)$/.test(getComputedStyle(element).overflowX) && !["SELECT", "INPUT"].includes(element.tagName)) {
      problems.push(`cut off: ${short(element.textContent)}`);
    }
  }

  const ids = [...document.querySelectorAll(".plot")].map((plot) => plot.id);
  for (const id of ids) {
    const plot = document.getElementById(id), svg = plot.querySelector("svg.main-svg");
    if (!svg) { problems.push(`${id} is not drawn`); continue; }
    const frame = boxOf(svg);
    const section = boxOf(plot.closest("section"));
    if (frame.bottom > section.bottom + SLACK) problems.push(`${id} is taller than its section`);
    const isOutside = (box) =>
      box.left < frame.left - SLACK || box.right > frame.right + SLACK || box.top < frame.top - SLACK || box.bottom > frame.bottom + SLACK;
    const texts = [...plot.querySelectorAll("svg.main-svg text")].filter((text) => text.textContent.trim() && isShown(text));
    for (const text of texts) if (isOutside(boxOf(text))) problems.push(`${id}: cut off: ${short(text.textContent)}`);
    for (const point of plot.querySelectorAll(".scatterlayer .points path.point")) {
      if (isOutside(boxOf(point))) { problems.push(`${id}: a point is cut off`); break; }
    }
    const stars = [...plot.querySelectorAll(".scatterlayer .trace")];
    for (const trace of stars) {
      const clipped = trace.querySelector(".points[clip-path], .points path.point[clip-path]");
      if (clipped && trace.querySelectorAll("path.point").length === 1) problems.push(`${id}: the star can be cut off`);
    }
    const boxes = texts.filter((text) => !text.closest(".barlayer")).map((text) => [text, boxOf(text)]);
    for (let i = 0; i < boxes.length; i++) {
      for (let j = i + 1; j < boxes.length; j++) {
        const [a, one] = boxes[i], [b, other] = boxes[j];
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        if (across > 2 && down > 4) problems.push(`${id}: overlap: ${short(a.textContent)} | ${short(b.textContent)}`);
      }
    }
  }

  const headers = [...document.querySelectorAll("#trials thead th button")];
  for (const button of headers) {
    if (button.scrollWidth > button.clientWidth + SLACK) problems.push(`header cut off: ${short(button.textContent)}`);
    const cell = boxOf(button.closest("th")), box = boxOf(button);
    if (box.left < cell.left - SLACK || box.right > cell.right + SLACK) problems.push(`header overlaps: ${short(button.textContent)}`);
  }
  return [...new Set(problems)];
}
