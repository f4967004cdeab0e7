// All points of the map as SVG, their pictures under the pointer, a lasso, and all of it by keyboard too.
const SHAPES = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
  "M0,-5L4.6,3.4H-4.6Z",
  "M-3.6,-3.6H3.6V3.6H-3.6Z",
  "M0,-5.2L5.2,0L0,5.2L-5.2,0Z",
  "M0,5L4.6,-3.4H-4.6Z",
  "M-1.5,-4.8H1.5V-1.5H4.8V1.5H1.5V4.8H-1.5V1.5H-4.8V-1.5H-1.5Z",
  "M0,-5.2L1.5,-1.7L5.2,-1.6L2.3,0.7L3.3,4.4L0,2.3L-3.3,4.4L-2.3,0.7L-5.2,-1.6L-1.5,-1.7Z",
];
const HERE = "M0,-9L9,0L0,9L-9,0Z";
const OWN = "M0,-6.5L6.5,0L0,6.5L-6.5,0Z";
const CROSS = "M-3.5,-3.5L3.5,3.5M-3.5,3.5L3.5,-3.5";
const REACH = 14; // pixels between the pointer and the point that it means
const MARGIN = 18;
const HOME = [0, 0, 1, 1];
const SVG = "http://www.w3.org/2000/svg";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export default function (component) {
  const root = component.parentElement.querySelector(".map");
  if (root.map && root.map.key === component.data.key) {
    root.map.tell = component.setStateValue; // the same points: what is chosen and where the keyboard is stay
    return;
  }
  root.map?.end();
  root.map = build(root, component.data, component.setStateValue);
}

function draw(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

// The view with more room to one side, so that a unit of the map is as long on both axes.
function atOneScale(view, spans, room) {
  const units = [0, 1].map((axis) => Math.max(1e-9, (view[axis + 2] - view[axis]) * spans[axis] / room[axis]));
  const [x, y] = units.map((one, axis) => (view[axis + 2] - view[axis]) * (Math.max(...units) / one - 1) / 2);
  return [view[0] - x, view[1] - y, view[2] + x, view[3] + y];
}

function build(root, data, tell) {
  const svg = root.querySelector("svg.plane"), tip = root.querySelector(".tip"), said = root.querySelector(".said");
  const tools = root.querySelector(".tools"), legend = root.querySelector(".legend");
  const listening = new AbortController();
  const on = (element, kind, work) => element.addEventListener(kind, work, { signal: listening.signal });
  const count = data.points.length, extra = data.extra; // points after the first ``count`` cannot be chosen
  const every = [...data.points, ...extra.points];
  const map = { key: data.key, tell, end: () => { listening.abort(); watching.disconnect(); } };
  let chosen = new Set(), view = HOME, focus = -1, path = null, places = [];

  svg.replaceChildren();
  svg.setAttribute("aria-label", data.label);
  const rings = draw("g", {}, svg), marks = draw("g", {}, svg), crosses = draw("g", {}, svg);
  const near = new Set(data.nearest);
  const points = data.points.map((_, i) => draw("path", {
    d: SHAPES[data.classes[i] % SHAPES.length],
    fill: data.colours[data.classes[i] % data.colours.length],
    class: near.has(i) ? "point near" : "point",
  }, marks));
  extra.points.forEach((_, i) => points.push(i < extra.oods
    ? draw("path", { d: CROSS, stroke: extra.colour, class: "beside" }, crosses)
    : draw("path", { d: OWN, class: "beside own" }, svg)));
  const nearRings = data.nearest.map(() => draw("circle", { r: 8.5, class: "ring" }, rings));
  const here = data.here ? draw("path", { d: HERE, class: "here" }, svg) : null;
  const focused = draw("circle", { r: 10, class: "focus", visibility: "hidden" }, svg);
  const lasso = draw("path", { class: "lasso", visibility: "hidden" }, svg);

  const is_home = () => view === HOME;
  const whole = () => {
    const of = data.here ? [...every, data.here] : every;
    const edge = (axis, pick) => of.reduce((found, one) => pick(found, one[axis]), of[0][axis]);
    return [edge(0, Math.min), edge(1, Math.min), edge(0, Math.max), edge(1, Math.max)];
  };

  function lay() {
    const width = svg.clientWidth || 600, height = Math.round(Math.max(300, Math.min(560, width * 0.62)));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    const room = [width - 2 * MARGIN, height - 2 * MARGIN];
    const [left, bottom, right, top] = data.spans ? atOneScale(view, data.spans, room) : view;
    const at = ([x, y]) => [
      MARGIN + (x - left) / (right - left) * room[0],
      height - MARGIN - (y - bottom) / (top - bottom) * room[1],
    ];
    const put = (element, [x, y]) => element.setAttribute("transform", `translate(${x.toFixed(1)},${y.toFixed(1)})`);
    // In the first view far points stand at its edge; in a closer one, what is outside is not drawn.
    const clamped = ([x, y]) => [Math.max(9, Math.min(width - 9, x)), Math.max(9, Math.min(height - 9, y))];
    places = every.map(at).map((place, i) => {
      const [x, y] = clamped(place), is_far = x !== place[0] || y !== place[1];
      points[i].classList.toggle("far", is_far && is_home());
      points[i].classList.toggle("out", is_far && !is_home());
      return is_far && !is_home() ? [-1e4, -1e4] : [x, y];
    });
    places.forEach((place, i) => put(points[i], place));
    data.nearest.forEach((i, row) => put(nearRings[row], places[i]));
    if (here) put(here, clamped(at(data.here)));
    if (focus >= 0) put(focused, places[focus]);
  }

  function show(i) {
    focus = i;
    focused.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    tip.hidden = i < 0;
    if (i < 0) return;
    const [x, y] = places[i], width = svg.clientWidth;
    focused.setAttribute("transform", `translate(${x},${y})`);
    const picture = document.createElement("div"), words = document.createElement("span");
    picture.className = "picture";
    picture.setAttribute("role", "img");
    const beside = i >= count ? extra.said[i - count] : "";
    picture.setAttribute("aria-label", beside || `Reference image of ${data.names[data.classes[i]]}`);
    if (beside && extra.pictures[i - count]) {
      picture.style.background = `center / contain no-repeat url("${extra.pictures[i - count]}")`;
    } else if (!beside && data.sheet && data.tiles[i] >= 0) {
      const tile = data.tiles[i], rows = Math.ceil(data.pictures / data.columns);
      picture.style.backgroundImage = `url("${data.sheet}")`;
      picture.style.backgroundSize = `${96 * data.columns}px ${96 * rows}px`;
      picture.style.backgroundPosition = `${-96 * (tile % data.columns)}px ${-96 * Math.floor(tile / data.columns)}px`;
    } else {
      picture.classList.add("none");
      picture.textContent = "no picture";
    }
    const rank = data.nearest.indexOf(i);
    words.textContent = beside || `${data.names[data.classes[i]]}, ${data.ids[i]}` +
      (rank >= 0 ? `; number ${rank + 1} of the nearest to this image` : "") + (chosen.has(i) ? "; chosen" : "");
    said.textContent = words.textContent;
    tip.replaceChildren(picture, words);
    const above = y > 190, top = svg.getBoundingClientRect().top - root.getBoundingClientRect().top;
    tip.style.left = `${Math.max(0, Math.min(width - tip.offsetWidth, x - tip.offsetWidth / 2))}px`;
    tip.style.top = `${top + (above ? y - tip.offsetHeight - 14 : y + 16)}px`;
  }

  function mark(next) {
    chosen = next;
    root.classList.toggle("has-chosen", chosen.size > 0);
    points.forEach((point, i) => point.classList.toggle("chosen", chosen.has(i)));
    zoom.disabled = clear.disabled = chosen.size === 0;
    [...legend.querySelectorAll("button")].forEach((button, label) => button.setAttribute("aria-pressed",
      String(data.classes.some((one, i) => one === label && chosen.has(i)) &&
        data.classes.every((one, i) => one !== label || chosen.has(i)))));
  }

  function choose(next) {
    mark(next);
    said.textContent = `${chosen.size} images chosen`;
    map.tell("chosen", [...chosen].sort((a, b) => a - b));
  }

  const nearestTo = (x, y, reach) => {
    let best = -1, least = reach * reach;
    places.forEach(([px, py], i) => {
      const apart = (px - x) ** 2 + (py - y) ** 2;
      if (apart < least) { best = i; least = apart; }
    });
    return best;
  };
  const can_choose = (i) => i >= 0 && i < count;
  const toggled = (i) => { const next = new Set(chosen); if (!next.delete(i)) next.add(i); return next; };
  const inside = ([x, y]) => path.reduce((is, [ax, ay], k) => {
    const [bx, by] = path[(k + path.length - 1) % path.length];
    return (ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax ? !is : is;
  }, false);
  const where = (event) => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left - svg.clientLeft, event.clientY - box.top - svg.clientTop];
  };

  const tool = (text, work) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    on(button, "click", work);
    tools.append(button);
    return button;
  };
  tools.replaceChildren();
  const drawing = matchMedia("(pointer: coarse)").matches ? tool("Draw a lasso", () => {
    drawing.setAttribute("aria-pressed", String(svg.classList.toggle("drawing")));
  }) : null;
  const zoom = tool("Zoom to the chosen images", () => {
    const of = [...chosen].map((i) => data.points[i]), edge = (axis, pick) => pick(...of.map((one) => one[axis]));
    const low = [edge(0, Math.min), edge(1, Math.min)], high = [edge(0, Math.max), edge(1, Math.max)];
    const pad = [0, 1].map((axis) => Math.max(0.01, 0.06 * (high[axis] - low[axis])));
    view = [low[0] - pad[0], low[1] - pad[1], high[0] + pad[0], high[1] + pad[1]];
    show(-1);
    lay();
  });
  tool("Show most", () => { view = HOME; show(-1); lay(); });
  tool("Show all", () => { view = whole(); show(-1); lay(); });
  const clear = tool("Choose none", () => choose(new Set()));
  zoom.disabled = clear.disabled = true;

  legend.replaceChildren();
  data.names.forEach((name, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    const symbol = draw("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, button);
    draw("path", { d: SHAPES[label % SHAPES.length], fill: data.colours[label % data.colours.length] }, symbol);
    button.append(`${name} (${data.classes.filter((one) => one === label).length})`);
    on(button, "click", () => {
      const of = data.classes.flatMap((one, i) => (one === label ? [i] : []));
      const next = new Set(chosen), whole = of.every((i) => chosen.has(i));
      of.forEach((i) => (whole ? next.delete(i) : next.add(i)));
      choose(next);
    });
    legend.append(button);
  });
  for (const [shown, d, css, words] of [
    [data.here, HERE, "here", "this image"],
    [extra.oods, CROSS, "beside", `OOD images (${extra.oods})`],
    [extra.points.length - extra.oods, OWN, "beside own", `your other images (${extra.points.length - extra.oods})`],
    [data.nearest.length, "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0", "ring", "its nearest reference images"],
  ]) {
    if (!shown) continue;
    const row = document.createElement("span");
    draw("path", { d, class: css, ...(css === "beside" && { stroke: extra.colour }) }, draw("svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, row));
    row.append(words);
    legend.append(row);
  }

  on(svg, "pointerdown", (event) => {
    if (event.button !== 0 || (event.pointerType === "touch" && !svg.classList.contains("drawing"))) return;
    path = [where(event)];
    svg.setPointerCapture(event.pointerId);
  });
  on(svg, "pointermove", (event) => {
    const [x, y] = where(event);
    if (path === null) return show(nearestTo(x, y, REACH));
    path.push([x, y]);
    if (path.length > 2) {
      show(-1);
      lasso.setAttribute("visibility", "visible");
      lasso.setAttribute("d", `M${path.map((place) => place.join(",")).join("L")}Z`);
    }
  });
  on(svg, "pointerup", (event) => {
    const [x, y] = where(event);
    const drawn = path ?? [[x, y]];
    const size = Math.max(...[0, 1].map((a) => Math.max(...drawn.map((p) => p[a])) - Math.min(...drawn.map((p) => p[a]))));
    lasso.setAttribute("visibility", "hidden");
    if (size < 6) {
      const i = nearestTo(x, y, REACH + 6 * (event.pointerType === "touch"));
      show(i);
      if (can_choose(i)) choose(toggled(i));
    } else {
      const found = places.flatMap((place, i) => (can_choose(i) && inside(place) ? [i] : []));
      choose(new Set(event.shiftKey ? [...chosen, ...found] : found));
    }
    path = null;
  });
  on(svg, "pointercancel", () => { path = null; lasso.setAttribute("visibility", "hidden"); });
  on(svg, "pointerleave", () => { if (path === null) show(-1); });
  on(svg, "blur", () => show(-1));
  on(svg, "focus", () => { if (svg.matches(":focus-visible") && focus < 0 && count) show(data.nearest[0] ?? 0); });
  on(svg, "keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow && count) {
      const [x, y] = focus < 0 ? [svg.clientWidth / 2, svg.clientHeight / 2] : places[focus];
      let best = -1, least = Infinity;
      places.forEach(([px, py], i) => {
        const along = (px - x) * arrow[0] + (py - y) * arrow[1];
        const aside = Math.abs((px - x) * arrow[1]) + Math.abs((py - y) * arrow[0]);
        if (i !== focus && along > 0.5 && along + 2.5 * aside < least) { best = i; least = along + 2.5 * aside; }
      });
      if (best >= 0) show(best);
    } else if ((event.key === "Enter" || event.key === " ") && focus >= 0) {
      if (event.shiftKey) { // the point and what lies around it: what a lasso is for a pointer
        const [x, y] = places[focus];
        const order = places.slice(0, count).map(([px, py], i) => [(px - x) ** 2 + (py - y) ** 2, i]).sort((a, b) => a[0] - b[0]);
        choose(new Set([...chosen, ...order.slice(0, data.around).map(([, i]) => i)]));
      } else if (can_choose(focus)) choose(toggled(focus));
      show(focus);
    } else if (event.key === "Escape" && !tip.hidden) tip.hidden = true;
    else if (event.key === "Escape") choose(new Set());
    else return;
    event.preventDefault();
  });

  on(document, "keydown", (event) => { if (event.key === "Escape") tip.hidden = true; }); // the pointer's tip, too

  const watching = new ResizeObserver(lay);
  watching.observe(svg);
  mark(new Set((data.chosen ?? []).filter((i) => i < count))); // the page still holds them and shows their images
  show(-1);
  lay();
  return map;
}
