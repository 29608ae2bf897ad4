// Inside Airflow the page stands in a sandboxed frame of the same origin: it follows Airflow's light or dark, and
// links that leave the frame are followed by Airflow's own window, since the frame may not.
"use strict";
(() => {
  const outside = () => {
    try { return window.parent !== window && window.parent.document ? window.parent.document : null; } catch { return null; }
  };
  const host = outside();
  if (!host) return;

  const follow = () => {
    const dark = host.documentElement.classList.contains("dark");
    const light = host.documentElement.classList.contains("light");
    if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(host.documentElement, { attributes: true, attributeFilter: ["class"] });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (!link || event.defaultPrevented || event.button !== 0) return;
    event.preventDefault();
    const twin = host.createElement("a");
    twin.href = link.href;
    twin.target = link.target === "_top" ? "_self" : "_blank";
    twin.rel = link.rel;
    host.body.append(twin);
    twin.click();
    twin.remove();
  });
})();
