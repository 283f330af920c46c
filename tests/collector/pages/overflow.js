() => {
  // How far text reaches is not in its element's box, so every text is measured by itself.
  const width = document.documentElement.scrollWidth;
  if (width <= window.innerWidth) return [];
  const clipped = e => { for (; e !== document.body; e = e.parentElement)
    if (getComputedStyle(e).overflowX !== 'visible') return true; return false; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), wide = [];
  while (texts.nextNode()) {
    const range = document.createRange(), e = texts.currentNode.parentElement;
    range.selectNodeContents(texts.currentNode);
    if (range.getBoundingClientRect().right > window.innerWidth + 1 && !clipped(e)) wide.push(e);
  }
  return [`${width} px wide`, ...wide.map(e => `${e.parentElement.tagName}.${e.parentElement.className} > ${e.outerHTML.slice(0, 60)}`)];
}
