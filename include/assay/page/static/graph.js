// Draws the lineage graph from the page's own data; the server says what each node is, this says how it looks.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("graph");
  const data = JSON.parse(document.getElementById("graph-data").textContent);
  const panel = document.getElementById("panel");
  const panelBody = document.getElementById("panel-body");
  const panelTitle = document.getElementById("panel-title");
  const said = document.getElementById("graph-said");
  const evidence = new URL("version", new URL("./", location.href));

  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const HUE = { source: "source", candidate: "model", model: "model", deployment: "deployment", window: "window",
    user: "actor", schedule: "actor", drift: "actor" };
  const SHAPE = { source: "barrel", candidate: "diamond", model: "octagon", deployment: "pentagon", window: "cut-rectangle",
    user: "ellipse", schedule: "ellipse", drift: "ellipse", report: "tag" };

  const words = (node) => `${node.stage}\n${node.label}${node.bad ? "\n■ quarantine" : ""}`;
  const style = () => [
    { selector: "node", style: {
      label: (n) => words(n.data()), "text-wrap": "wrap", "text-valign": "bottom", "text-margin-y": 4, "font-size": 12,
      "font-family": "system-ui, sans-serif", color: colour("ink"), width: 30, height: 30, "background-color": colour("paper"),
      "border-width": 3, "border-color": (n) => colour(HUE[n.data("stage")] || "data"),
      shape: (n) => SHAPE[n.data("stage")] || "round-rectangle", "text-background-color": colour("paper"), "text-background-opacity": 0.85 } },
    { selector: "node[?seed]", style: { "background-color": (n) => colour(HUE[n.data("stage")] || "data"), "font-weight": "bold" } },
    { selector: "node[?hidden]", style: { "border-style": "dotted", "border-color": colour("soft") } },
    { selector: "node[bad != '']", style: { "border-color": colour("bad"), "border-style": "double", "border-width": 7, color: colour("bad") } },
    { selector: "edge", style: {
      width: 1.6, "line-color": colour("edge"), "target-arrow-color": colour("edge"), "target-arrow-shape": "triangle", "curve-style": "bezier" } },
    { selector: "edge[!signed]", style: { "line-style": "dashed" } },
    { selector: "node.chosen", style: { "overlay-color": colour("accent"), "overlay-opacity": 0.25, "overlay-padding": 8 } },
    { selector: "edge.chosen", style: { width: 3, "line-color": colour("accent"), "target-arrow-color": colour("accent"),
      label: "data(job)", "font-size": 10, color: colour("ink"), "text-background-color": colour("paper"), "text-background-opacity": 0.9 } },
  ];

  const graph = cytoscape({
    container: place,
    elements: [
      ...data.nodes.map((node) => ({ data: node })),
      ...data.edges.map((edge, at) => ({ data: { id: `edge-${at}`, source: edge.from, target: edge.to, job: edge.job, signed: edge.signed } })),
    ],
    style: style(),
    layout: { name: "dagre", rankDir: "LR", nodeSep: 34, rankSep: 95, animate: false, padding: 30 },
    minZoom: 0.05, maxZoom: 3, autoungrabify: true,
  });
  window.assayGraph = graph; // for whoever looks from the browser's console, and for the tests
  const redraw = () => graph.style(style());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  const show = async (id) => {
    const node = graph.getElementById(id);
    panelTitle.textContent = node.length ? node.data("label") : "Evidence";
    if (node.length && node.data("hidden")) {
      panelBody.textContent = "This version belongs to a pipeline that you may not read.";
      return;
    }
    evidence.search = new URLSearchParams({ id, fragment: "true" });
    const answer = await fetch(evidence, { credentials: "same-origin" });
    // Rendered and escaped by the server that made this page; the policy lets nothing in it run.
    if (answer.ok) panelBody.innerHTML = await answer.text();
    else if (answer.status === 404) panelBody.textContent = "No statement is about this itself; the versions beside it have theirs.";
    else panelBody.textContent = `The evidence did not come (${answer.status}); reload the page.`;
  };
  const choose = (node) => {
    if (!node || !node.length) return;
    graph.elements(".chosen").removeClass("chosen");
    node.addClass("chosen").connectedEdges().addClass("chosen");
    said.textContent = `${node.data("stage")} ${node.data("label")}${node.data("bad") ? ", in quarantine" : ""}; `
      + `${node.incomers("node").length} before, ${node.outgoers("node").length} after`;
    const box = node.renderedBoundingBox(), view = graph.extent(), at = node.position();
    if (at.x < view.x1 || at.x > view.x2 || at.y < view.y1 || at.y > view.y2 || box.w === 0) graph.center(node);
  };
  const current = () => graph.nodes(".chosen").first();
  const nearest = (nodes, axis, from, sign) => {
    const beyond = nodes.filter((n) => sign * (n.position(axis) - from.position(axis)) > 1);
    return beyond.min((n) => Math.hypot(n.position("x") - from.position("x"), n.position("y") - from.position("y"))).ele;
  };

  graph.on("tap", "node", (event) => { choose(event.target); show(event.target.id()); place.focus(); });
  const seed = graph.nodes("[?seed]").first();
  place.addEventListener("focus", () => { if (!current().length) choose(seed.length ? seed : graph.nodes().first()); });
  const steps = {
    ArrowRight: (n) => nearest(n.outgoers("node"), "x", n, 1) || nearest(graph.nodes(), "x", n, 1),
    ArrowLeft: (n) => nearest(n.incomers("node"), "x", n, -1) || nearest(graph.nodes(), "x", n, -1),
    ArrowDown: (n) => nearest(graph.nodes(), "y", n, 1),
    ArrowUp: (n) => nearest(graph.nodes(), "y", n, -1),
  };
  const zoom = (factor) => graph.zoom({ level: graph.zoom() * factor, renderedPosition: { x: graph.width() / 2, y: graph.height() / 2 } });
  const keys = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => graph.fit(undefined, 30) };
  place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const node = current();
    if (steps[event.key] && node.length) choose(steps[event.key](node));
    else if (event.key === "Enter" && node.length) show(node.id()).then(() => panel.focus());
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  const buttons = { in: keys["+"], out: keys["-"], fit: keys[0] };
  document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", buttons[button.dataset.do]));
  document.querySelectorAll("a[data-node]").forEach((link) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    choose(graph.getElementById(link.dataset.node));
    show(link.dataset.node).then(() => panel.focus());
  }));
});
