/* Tables that can be sorted by a column. */

const MOST_ROWS = 1000; // more take a browser long to lay out

/* Fills a table. A column is { name, value, cell, key }: value(row) is a number, a text or null, to
   sort by and for downloads; cell(row) is what is shown, text or a <td>, by default the value; key is
   the name in downloads, by default the name. The first column is the heading of the row. */
function dataTable(table, columns, rows) {
  let by = -1, up = true;
  const isText = ({ value }) => rows.every((row) => typeof (value(row) ?? "") === "string");
  const heads = columns.map(({ name }, at) => {
    const button = element("button", { type: "button", className: "sort" }, name);
    button.addEventListener("click", () => {
      [by, up] = [at, by === at ? !up : isText(columns[at])]; // the largest numbers first
      fill();
    });
    return element("th", { scope: "col", className: isText(columns[at]) ? "text" : "" }, button);
  });
  const body = element("tbody");
  function fill() {
    const shown = [...rows];
    if (by >= 0) {
      const { value } = columns[by];
      shown.sort((one, other) => (up ? 1 : -1) * compared(value(one), value(other)));
    }
    heads.forEach((head, at) => {
      if (at === by) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const texts = columns.map(isText);
    body.replaceChildren(...shown.slice(0, MOST_ROWS).map((row) => tableRow(columns, row, texts)));
  }
  fill();
  table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), body);
}

function compared(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one ?? "").localeCompare(String(other ?? ""), "en", { numeric: true });
}

function tableRow(columns, row, texts) {
  const cells = columns.map(({ value, cell }, at) => {
    const shown = cell ? cell(row) : value(row) ?? "";
    if (shown instanceof Node && /^T[DH]$/.test(shown.tagName)) return shown;
    const parts = Array.isArray(shown) ? shown : [shown];
    return at ? element("td", { className: texts[at] ? "text" : "" }, ...parts) : element("th", { scope: "row" }, ...parts);
  });
  return element("tr", {}, ...cells);
}

const seconds = (time) => `${time.toLocaleString("en", { maximumFractionDigits: 1 })} s`;

/* Returns a cell with a share of time, tinted in the colour of its label. */
function shareCell(share, tint) {
  if (share == null) return element("td", {}, "–");
  const cell = element("td", { className: "share" }, percent(share));
  cell.style.cssText = `--part: ${Math.min(share, 1)}; --tint: ${tint}`;
  return cell;
}

/* Returns the text that shows a file: its short name, and its path on hover. */
const fileName = (of) => element("span", { className: "file", title: of.file }, of.short);
