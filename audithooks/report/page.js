"use strict";
(() => {
  const one = (choice, of = document) => of.querySelector(choice);
  const all = (choice, of = document) => [...of.querySelectorAll(choice)];
  const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  // The timeline: bars are all events, lines are those of the data, by their kind.
  const timeline = () => {
    const data = JSON.parse(one("#data").textContent);
    const lanes = all(".lane");
    const pictures = lanes.map((lane) => one("svg", lane));
    const names = lanes.map((lane) => one(".who", lane).textContent.trim());
    const tallest = Math.max(1, ...data.bars.map((bars) => Math.max(...bars)));
    const WIDTH = 1000;
    const MOST_ROWS = 100;
    const SHORTEST = 10; // microseconds
    let from = 0;
    let to = data.length;
    let isWanted = null;

    const place = (time) => ((time - from) / (to - from)) * WIDTH;
    const shape = (name, d) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", name);
      path.setAttribute("d", d);
      return path;
    };
    const seconds = (time) => `${(time / 1e6).toFixed(to - from < 1e5 ? 6 : 3)} s`;

    const bars = (lane) => {
      const found = data.bars[lane];
      const wide = data.length / found.length;
      return found
        .map((n, at) => {
          const x = place(at * wide);
          const width = (wide / (to - from)) * WIDTH;
          if (!n || x + width < 0 || x > WIDTH) return "";
          const height = (Math.sqrt(n / tallest) * 20).toFixed(1);
          return `M${x.toFixed(2)} 20v-${height}h${width.toFixed(2)}V20z`;
        })
        .join("");
    };

    const row = ([time, lane, kind, event, text]) => {
      const made = document.createElement("tr");
      made.setAttribute("role", "row");
      const cells = [
        ["time", seconds(time)],
        ["process", names[lane]],
        ["event", `${data.texts[event]} (${data.kinds[kind]})`],
        ["about", data.texts[text]],
      ];
      for (const [label, value] of cells) {
        const cell = document.createElement("td");
        cell.setAttribute("role", "cell");
        cell.dataset.l = label;
        cell.textContent = value;
        made.append(cell);
      }
      return made;
    };

    const draw = () => {
      const seen = data.events.filter(
        (event) =>
          event[0] >= from && event[0] <= to && (isWanted === null || isWanted(event)),
      );
      const lines = pictures.map(() => data.kinds.map(() => new Set()));
      for (const [time, lane, kind] of seen) {
        lines[lane][kind].add(place(time).toFixed(1));
      }
      pictures.forEach((picture, lane) => {
        picture.setAttribute("viewBox", `0 0 ${WIDTH} 20`);
        const made = [shape("bars", bars(lane))];
        // What is shown first of all is drawn last, on top.
        for (let kind = data.kinds.length - 1; kind >= 0; kind--) {
          const d = [...lines[lane][kind]].map((x) => `M${x} 2V20`).join("");
          if (d) made.push(shape(`k${kind}`, d));
        }
        picture.replaceChildren(...made);
      });
      all(".axis span")[0].textContent = seconds(from);
      all(".axis span")[1].textContent = seconds(to);
      one("#window").textContent = `${seconds(from)} to ${seconds(to)}`;
      one("#view").replaceChildren(...seen.slice(0, MOST_ROWS).map(row));
      const what = isWanted ? " with these words" : "";
      const first = seen.length > MOST_ROWS ? `, of which the first ${MOST_ROWS} are here` : "";
      one("#shown").textContent = `${count(seen.length, "event")}${what} in this part${first}`;
    };

    const list = one(".view");
    const show = (start, end) => {
      list.open = true;
      const length = Math.min(Math.max(end - start, SHORTEST), data.length);
      from = Math.min(Math.max(start, 0), data.length - length);
      to = from + length;
      draw();
    };
    const zoom = (factor) => {
      const middle = (from + to) / 2;
      const half = ((to - from) * factor) / 2;
      show(middle - half, middle + half);
    };
    const move = (part) => show(from + (to - from) * part, to + (to - from) * part);
    const acts = {
      in: () => zoom(0.5),
      out: () => zoom(2),
      left: () => move(-0.5),
      right: () => move(0.5),
      all: () => show(0, data.length),
    };
    const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };

    const area = one(".lanes");
    area.tabIndex = 0;
    area.setAttribute("aria-describedby", "keys");
    area.addEventListener("keydown", (event) => {
      const act = acts[keys[event.key]];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    for (const button of all("[data-do]")) {
      button.addEventListener("click", acts[button.dataset.do]);
    }

    // Dragging over the rows zooms into what was dragged over.
    let begun = null;
    const time = (event) => {
      const { left, width } = pictures[0].getBoundingClientRect();
      const part = Math.min(Math.max((event.clientX - left) / width, 0), 1);
      return from + part * (to - from);
    };
    const marks = () => all(".drag", area).forEach((mark) => mark.remove());
    area.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.target.closest("svg")) begun = time(event);
    });
    window.addEventListener("pointermove", (event) => {
      if (begun === null) return;
      marks();
      const x = place(begun);
      const d = `M${x.toFixed(1)} 0V20H${place(time(event)).toFixed(1)}V0z`;
      pictures.forEach((picture) => picture.append(shape("drag", d)));
    });
    window.addEventListener("pointerup", (event) => {
      if (begun === null) return;
      const [start, end] = [begun, time(event)].sort((a, b) => a - b);
      begun = null;
      marks();
      if (end - start > (to - from) / 200) show(start, end);
    });
    window.addEventListener("pointercancel", () => {
      begun = null;
      marks();
    });

    for (const hidden of all("#timeline [hidden]")) hidden.hidden = false;
    draw();
    return (words) => {
      const hits = words.length
        ? data.texts.map((text) => words.map((word) => text.toLowerCase().includes(word)))
        : null;
      isWanted =
        hits &&
        (([, , , event, text]) => words.every((_, at) => hits[event][at] || hits[text][at]));
      if (hits) list.open = true;
      draw();
      return hits ? data.events.filter(isWanted).length : 0;
    };
  };

  // The search: rows without all of the words are hidden, folders with one opened.
  const search = (searchTimeline) => {
    const box = one("#find");
    const said = one("#found");
    const rows = [];
    const walk = (item, above) => {
      const line = one(":scope > .line, :scope > details > summary", item);
      const own = line ? line.textContent : item.textContent;
      const name = line && one("code", line) ? one("code", line).textContent : own;
      const row = { item, above, text: `${above ? above.name : ""}${own}`.toLowerCase() };
      row.name = `${above ? above.name : ""}${name}`;
      rows.push(row);
      for (const list of all(":scope > details > ul > li, :scope > ul > li", item)) {
        walk(list, row);
      }
    };
    for (const item of all("section > .tree > li")) walk(item, null);
    for (const item of all(".listing tbody tr")) {
      rows.push({ item, above: null, text: item.textContent.toLowerCase() });
    }
    // What has no hit is hidden as a whole.
    const groups = all("section:not([aria-labelledby=when]), .listing, .listing .wide, .more");
    let opened = [];

    const run = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const details of opened) details.open = false;
      opened = [];
      let hits = 0;
      for (const row of rows) {
        row.has = words.length > 0 && words.every((word) => row.text.includes(word));
        row.item.hidden = words.length > 0 && !row.has;
        row.item.classList.toggle("hit", row.has);
        hits += row.has;
      }
      const around = new Set();
      for (const row of rows) {
        if (!row.has) continue;
        for (let above = row.above; above; above = above.above) above.item.hidden = false;
        for (let at = row.item.parentElement; at; at = at.parentElement) {
          around.add(at);
          if (at.tagName === "DETAILS" && !at.open) {
            at.open = true;
            opened.push(at);
          }
        }
      }
      for (const group of groups) group.hidden = words.length > 0 && !around.has(group);
      const events = searchTimeline(words);
      said.textContent = words.length
        ? `${count(hits, "row")} and ${count(events, "event")} of the timeline`
        : "";
    };
    let waiting = 0;
    box.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(run, 150);
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      box.value = "";
      run();
    });
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest("input");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      box.focus();
    });
    one(".search").hidden = false;
  };

  search(one("#data") ? timeline() : () => 0);
})();
