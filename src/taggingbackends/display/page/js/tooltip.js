/* Tooltip. */

const tip = $("tip");

function showTip(x, y, title, lines) {
  tip.replaceChildren(element("p", { className: "title" }, title));
  for (const { mark, text, rest } of lines) {
    const line = element("p", {}, ...(mark ? [mark, " "] : []), text);
    if (rest) line.append(" ", element("span", { className: "rest" }, rest));
    tip.append(line);
  }
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${clamp(x + 14, 4, Math.max(innerWidth - width - 4, 4))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(y - height - 10, 4) : y + 18}px`;
}

const hideTip = () => (tip.hidden = true);
