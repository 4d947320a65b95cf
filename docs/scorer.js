/* The order of what the search finds: Sphinx sorts pages that match alike by their titles.
   A job stands before its reference, and what is for authors of audithooks at the end. */
var Scorer = {
  score: ([page, , , , score]) => {
    if (page.startsWith("how-to/")) return score + 3;
    if (page.startsWith("start/")) return score + 2;
    if (page.startsWith("reference/")) return score + 1;
    if (page.startsWith("development/") || page === "explanation/history") return score - 20;
    return score;
  },

  // As in Sphinx.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
