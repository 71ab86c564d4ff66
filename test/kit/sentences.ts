/** The sentences that people read, in pages and in sources: prose, cells of tables, comments, texts in quotes. */

/** Paragraphs, items of lists and cells of a page; no headings, no code. */
export function partsOfPage(text: string): string[] {
  const parts: string[] = [];
  let paragraph = '';
  const end = (): void => {
    if (paragraph !== '') parts.push(paragraph);
    paragraph = '';
  };
  for (const line of text.replaceAll(/```[\s\S]*?```|<!--[\s\S]*?-->/g, '').split('\n')) {
    const trimmed = line.trim();
    if (/^(#|$|\||[-*] |\d+\. )/.test(trimmed)) end();
    if (trimmed.startsWith('|')) parts.push(...trimmed.split('|').map((cell) => cell.trim()));
    else if (!trimmed.startsWith('#')) paragraph = `${paragraph} ${trimmed.replace(/^([-*]|\d+\.) /, '')}`.trim();
  }
  end();
  return parts;
}

/** Comments of a source, and texts in quotes that have more than one word. */
export function partsOfSource(text: string): string[] {
  const blocks = [...text.matchAll(/\/\*\*?([\s\S]*?)\*\//g)].flatMap(([, comment = '']) =>
    comment.replaceAll(/\n\s*\* ?/g, '\n').split(/\n(?=@|- |\n)|(?=@(?:param|returns|throws))/),
  );
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const lines = [...code.matchAll(/(?:^[ \t]*\/\/.*\n?)+/gm)].map(([comment]) =>
    comment.replaceAll(/^[ \t]*\/\/ ?/gm, ''),
  );
  const texts = [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`|"((?:[^"\\\n]|\\.)*)"/g)]
    .map(([, single, template, double]) => single ?? template ?? double ?? '')
    .filter((words) => words.includes(' '));
  return [...blocks, ...lines, ...texts].map((part) => part.replaceAll(/\s+/g, ' ').trim());
}

export function sentencesOf(part: string): string[] {
  return part.split(/(?<=[.!?])\s+|\*\*\s*|(?<=[:;] )(?=Wh)/).filter((sentence) => sentence !== '');
}
