// A field above the table of events, which hides the rows that lack what is typed.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.events")) {
    const field = document.createElement("input");
    field.type = "search";
    field.className = "filter";
    field.placeholder = "Filter: a name, an argument, @group, Windows, 3.12";
    field.setAttribute("aria-label", "Filter the table of events");
    const rows = [...table.tBodies[0].rows];
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
    (table.closest(".table-wrapper") ?? table).before(field);
  }
});
