() => {
  const findings = [];
  const all = selector => [...document.querySelectorAll(selector)];
  const named = e => (e.getAttribute('aria-label') || document.getElementById(e.getAttribute('aria-labelledby'))?.innerText
    || (e.labels && [...e.labels].map(l => l.innerText).join(' ')) || e.innerText || '').trim();
  for (const e of all('input:not([type=hidden]),select,textarea'))
    if (!e.labels || !e.labels.length) findings.push(`no label: ${e.outerHTML.slice(0, 80)}`);
  for (const e of all('a,button,summary,nav,form,[role=group],[role=search],section'))
    if (!named(e)) findings.push(`no name: ${e.outerHTML.slice(0, 80)}`);
  for (const e of all('img')) if (!e.hasAttribute('alt')) findings.push(`no alt: ${e.src}`);
  for (const e of all('svg')) if (e.getAttribute('aria-hidden') !== 'true') findings.push('svg is read out');
  for (const e of all('table')) if (!e.querySelector('th')) findings.push('a table without headers');
  for (const e of all('th')) if (!e.scope) findings.push(`a header without scope: ${e.innerText}`);
  const ids = all('[id]').map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) findings.push(`id twice: ${id}`);
  for (const name of ['aria-describedby', 'aria-labelledby', 'list', 'for'])
    for (const e of all(`[${name}]`)) for (const id of e.getAttribute(name).split(' '))
      if (!document.getElementById(id)) findings.push(`${name} names nothing: ${id}`);
  const levels = all('h1,h2,h3,h4').map(h => +h.tagName[1]);
  if (levels.filter(l => l === 1).length !== 1 || levels[0] !== 1) findings.push(`h1: ${levels}`);
  levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) findings.push(`heading skips a level: ${levels}`); });
  for (const e of ['header', 'nav', 'main']) if (!document.querySelector(e)) findings.push(`no ${e}`);
  if (document.documentElement.lang !== 'en') findings.push('no language');
  return findings;
}
